"""The teacher of a recipe in words, for tables, pages and cards."""

from collections.abc import Mapping
from typing import Any


def teacher_name(recipe: object) -> str:
    """Return the name of the teacher of a recipe, plain data; empty for none."""
    return str(_teacher(recipe).get("source") or "")


def teacher_words(recipe: object) -> str:
    """Return the teacher of a recipe, plain data, and how it was used; empty for none.

    A recipe without the use has the default one, which is in its data where it was written out.
    """
    teacher = _teacher(recipe)
    if not teacher:
        return ""
    parts = []
    if weight := teacher.get("weight"):
        parts.append(f"soft targets {weight:g} at temperature {teacher.get('temperature', 0):g}")
    if features := teacher.get("feature_weight"):
        parts.append(f"features {features:g}")
    return f"{teacher_name(recipe)} ({', '.join(parts)})" if parts else teacher_name(recipe)


def teacher_facts(recipe: object) -> str:
    """Return what is known of the teacher itself, in a few words; empty for no teacher."""
    teacher = _teacher(recipe)
    if not teacher:
        return ""
    parts = [
        f"{teacher.get('params', 0):,} parameters",
        f"{teacher.get('num_classes', 0):,} classes",
        f"licence {teacher.get('licence') or 'not known'}",
        f"digest {str(teacher.get('digest', ''))[:12]}",
    ]
    return ", ".join(parts)


def _teacher(recipe: object) -> Mapping[str, Any]:
    found = recipe.get("teacher") if isinstance(recipe, Mapping) else None
    return found if isinstance(found, Mapping) else {}
