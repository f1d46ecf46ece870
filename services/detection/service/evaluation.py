"""The last evaluation of the rules, as shipped beside this service."""

from functools import cache
from pathlib import Path

from shared.auth import Principal
from shared.contracts.detection.evaluation import EvaluationOut
from shared.errors import ForbiddenError, NotFoundError

FILE = Path(__file__).resolve().parent.parent / "evaluation.json"


class EvaluationMissingError(NotFoundError):
    """No evaluation is shipped with this installation."""

    code = "evaluation_missing"


@cache
def _read(file: Path) -> EvaluationOut:
    return EvaluationOut.model_validate_json(file.read_bytes())


def get_evaluation(caller: Principal) -> EvaluationOut:
    """What was measured. Raises ForbiddenError for enterprises: it is for staff and systems."""
    if caller.tenant is not None:
        raise ForbiddenError("the evaluation is for staff and systems")
    if not FILE.exists():
        raise EvaluationMissingError("this installation ships no evaluation; `make evaluate` writes one")
    return _read(FILE)
