"""Use cases of grading: load, ask the domain, save."""

from services.grading.service.facts import FactsService
from services.grading.service.grades import GradeService
from services.grading.service.lists import ListService

__all__ = ["FactsService", "GradeService", "ListService"]
