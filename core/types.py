"""Small types that every room shares."""

from enum import Enum


class DbAccess(Enum):
    """What a broker's database role may do with a table; a model says it in `db_access`."""

    FULL = "SELECT, INSERT, UPDATE, DELETE"
    APPEND = "SELECT, INSERT"
    READ = "SELECT"
