"""What is written together is in a database in whole or not at all, and one commit."""

import contextlib
import threading
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from sqlalchemy import event

from archsearch.search.storage import storage_at
from archsearch.search.study_store import StudyStore
from archsearch.search.transaction import together
from archsearch.space import load_space


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    return StudyStore(f"sqlite:///{tmp_path}/study.db", "a", load_space("tiny"))


def seen(tmp_path: Path) -> optuna.Study:
    return optuna.load_study(
        storage=storage_at(f"sqlite:///{tmp_path}/study.db").open_to_read(), study_name="a"
    )


def test_all_or_nothing(store: StudyStore, tmp_path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), store.together():
        store.set_attribute("a", 1)
        with store.together():
            store.set_attribute("b", 2)
        raise KeyboardInterrupt
    assert seen(tmp_path).user_attrs == {}
    with store.together():
        store.set_attribute("a", 1)
        assert seen(tmp_path).user_attrs == {}
        assert store.attribute("a") == 1
    assert seen(tmp_path).user_attrs == {"a": 1}


def test_a_proposal_is_one_commit(store: StudyStore) -> None:
    database = store.study._storage._backend  # type: ignore[attr-defined]
    assert isinstance(database, RDBStorage)
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(database.engine, "commit", count)
    proposed = store.ask({"batch": [0, 1, 1.0, 0]})
    # reading ends a transaction of its own
    assert commits <= 2
    assert store.study.trials[proposed.number].user_attrs["progress"] == {"batch": [0, 1, 1.0, 0]}


def test_other_threads_write_as_they_do(store: StudyStore, tmp_path: Path) -> None:
    seen_there = []

    def look() -> None:
        seen_there.append(dict(store.study.user_attrs))

    with store.together():
        store.set_attribute("a", 1)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen_there == [{}]


@pytest.mark.parametrize("url", [None, "journal"])
def test_other_storages_write_as_they_always_do(tmp_path: Path, url: str | None) -> None:
    place = None if url is None else f"journal:///{tmp_path}/study.log"
    store = StudyStore(place, "a", load_space("tiny"))
    with together(store.study._storage):
        store.set_attribute("a", 1)
    assert store.attribute("a") == 1
    assert store.ask().number == 0
