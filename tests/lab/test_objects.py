from __future__ import annotations

from headgate.lab.objects import DATA_BYTES_MAX, OBJECTS_MAX, Shelf, Stored


def test_a_place_knows_only_its_own_objects() -> None:
    shelf = Shelf()
    shelf.put("a", "files", Stored({"id": "f1"}))
    assert shelf.get("a", "files", "f1") is not None
    assert shelf.get("b", "files", "f1") is None
    assert shelf.get("a", "batches", "f1") is None
    assert not shelf.drop("b", "files", "f1")


def test_children_belong_to_their_owner() -> None:
    shelf = Shelf()
    shelf.put("a", "threads/messages", Stored({"id": "m1"}), "t1")
    assert [each.shown["id"] for each in shelf.all_of("a", "threads/messages", "t1")] == ["m1"]
    assert shelf.all_of("a", "threads/messages", "t2") == []
    assert shelf.drop("a", "threads/messages", "m1", "t1")
    assert shelf.all_of("a", "threads/messages", "t1") == []


def test_the_oldest_make_room() -> None:
    shelf = Shelf()
    for number in range(OBJECTS_MAX + 2):
        shelf.put("a", "files", Stored({"id": f"f{number}"}))
    kept = shelf.all_of("a", "files")
    assert (len(kept), kept[0].shown["id"]) == (OBJECTS_MAX, "f2")


def test_the_bytes_are_bounded_together() -> None:
    shelf = Shelf()
    for number in range(3):
        shelf.put("a", "files", Stored({"id": f"f{number}"}, bytes(DATA_BYTES_MAX // 2)))
    assert [each.shown["id"] for each in shelf.all_of("a", "files")] == ["f1", "f2"]
    shelf.put("a", "files", Stored({"id": "f1"}, b""))
    shelf.put("a", "files", Stored({"id": "f3"}, bytes(DATA_BYTES_MAX // 2)))
    assert [each.shown["id"] for each in shelf.all_of("a", "files")] == ["f2", "f1", "f3"]
