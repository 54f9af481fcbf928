"""One command registers every block type, so none may be missing from the catalogue."""

import importlib
import inspect
import pkgutil

from prefect.blocks.core import Block

import blocks
from blocks import catalogue


def test_the_catalogue_holds_every_block() -> None:
    names = [module.name for module in pkgutil.walk_packages(blocks.__path__, "blocks.")]
    members = [member for name in names for member in vars(importlib.import_module(name)).values()]
    own = {
        member
        for member in members
        if inspect.isclass(member)
        and issubclass(member, Block)
        and member.__module__.startswith("blocks.")
    }
    assert {block.__name__ for block in own} == set(catalogue.__all__)


def test_every_block_field_is_described() -> None:
    """People fill these in as a form."""
    for name in catalogue.__all__:
        block = getattr(catalogue, name)
        fields = block.model_fields
        assert not [key for key, field in fields.items() if not field.description], name
        assert not [key for key, field in fields.items() if not field.title], name
