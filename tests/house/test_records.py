"""Hashes, stamps, JSON files and generated passwords."""

import stat
from pathlib import Path

import pytest

from house.checkout import Checkout
from house.records import generated_secret, hash_of_files, is_stamped, read_json, write_json, write_stamp

pytestmark = pytest.mark.unit


def test_hash_changes_with_content_name_and_extra(tmp_path: Path) -> None:
    source = tmp_path / "requirements.txt"
    source.write_text("Django==5.2.19\n")
    first = hash_of_files([source])
    same = hash_of_files([source])

    source.write_text("Django==5.2.20\n")
    other_content = hash_of_files([source])
    renamed = source.rename(tmp_path / "renamed.txt")
    other_name = hash_of_files([renamed])
    other_extra = hash_of_files([renamed], extra="3.12")

    assert first == same
    assert len({first, other_content, other_name, other_extra}) == 4


def test_hash_of_a_directory_covers_new_and_nested_files_but_not_caches(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_initial.py").write_text("one")
    first = hash_of_files([tmp_path])

    (tmp_path / "migrations" / "__pycache__").mkdir()
    (tmp_path / "migrations" / "__pycache__" / "0001_initial.pyc").write_bytes(b"compiled")
    with_cache = hash_of_files([tmp_path])
    (tmp_path / "migrations" / "0002_more.py").write_text("two")

    assert with_cache == first
    assert hash_of_files([tmp_path]) != first


def test_stamp_counts_only_for_its_value_and_goes_with_its_directory(tmp_path: Path) -> None:
    stamp = tmp_path / "node_modules" / ".lock-hash"
    assert not is_stamped(stamp, "abc")

    write_stamp(stamp, "abc")

    assert is_stamped(stamp, "abc")
    assert not is_stamped(stamp, "abd")


def test_json_file_is_private_and_a_broken_one_reads_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "postgres.json"
    write_json(path, {"port": 25067})

    assert read_json(path) == {"port": 25067}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    path.write_text('{"port": 25')
    assert read_json(path) == {}
    assert read_json(tmp_path / "absent.json") == {}


def test_generated_secret_is_kept_per_name_and_differs_per_name(own_checkout: Checkout) -> None:
    first = generated_secret(own_checkout, "valkey")

    assert generated_secret(own_checkout, "valkey") == first
    assert generated_secret(own_checkout, "secret_key") != first
    assert len(first) >= 40
    assert stat.S_IMODE((own_checkout.state / "secrets.json").stat().st_mode) == 0o600
