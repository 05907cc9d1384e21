"""The description of a data set, in the first lines of a run."""

import numpy as np

from archsearch.data.splits import DataSplits, Labels
from archsearch.image_size import size_text

# a class this many times larger than another gets a note
_UNEQUAL = 5


def describe_data(data: DataSplits) -> tuple[str, ...]:
    """Return one line with the number of images and what each split is for, then the notes."""
    parts = [
        f"{len(split):,} {verb} ({place})" if place else f"{len(split):,} {verb}"
        for split, verb, place in zip(
            (data.train, data.val, data.test),
            ("train", "validate", "test"),
            data.places,
            strict=True,
        )
        if split is not None
    ]
    total = sum(len(split) for split in (data.train, data.val, data.test) if split is not None)
    line = (
        f"data: {data.name}, {total:,} images of {data.num_classes} classes at "
        f"{size_text(data.image_size)} px: {', '.join(parts)}"
    )
    if data.test is None:
        line += "; there is no test set, so every accuracy is that of the validation images"
    return (line, *_sizes(data), *data.notes)


def _sizes(data: DataSplits) -> list[str]:
    """Return notes on the sizes of the classes."""
    sizes = np.bincount(data.train.labels, minlength=data.num_classes)
    names = data.class_names or tuple(map(str, range(data.num_classes)))
    lines = []
    if sizes.max() >= _UNEQUAL * max(1, sizes.min()):
        least, most = int(sizes.argmin()), int(sizes.argmax())
        lines.append(
            f"classes differ in size: from {sizes[least]:,} training "
            f"{'image' if sizes[least] == 1 else 'images'} ('{names[least]}') to "
            f"{sizes[most]:,} ('{names[most]}'); the commonest class is "
            f"{_commonest(data.val.labels)}"
        )
    single = [f"'{names[label]}'" for label in np.flatnonzero(sizes == 1)]
    if single:
        lines.append(
            f"warning: a single training image in {', '.join(single[:5])}"
            f"{f' and {len(single) - 5} more' if len(single) > 5 else ''}: add images"
        )
    return lines


def _commonest(labels: Labels) -> str:
    share = np.bincount(labels).max() / len(labels)
    return f"{100 * share:.0f} % of the validation images"
