"""SQL in, domain objects out; decides nothing."""

from services.grading.store.facts import FactsStore
from services.grading.store.lists import ListStore
from services.grading.store.overrides import OverrideStore

__all__ = ["FactsStore", "ListStore", "OverrideStore"]
