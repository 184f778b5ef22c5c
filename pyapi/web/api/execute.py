"""One round of delivery on request, for operators and their schedulers."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pyapi.web.api import examples
from pyapi.web.api.bodies import ExecuteAnswer, ExecuteResult
from pyapi.web.api.dependencies import CurrentUser
from pyapi.web.failures import DELIVERY_NOT_CONFIGURED, OPERATORS_ONLY, SENDING_OFF, TELEGRAM_UNAVAILABLE, Failure
from pyapi.worker.loop import SendingOff, TokenRefused, run_round
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import RequestRefused

# Less than the server waits for open answers when it stops (pyapi/web/server.py).
_GRACE = 4.5

router = APIRouter(prefix="/broadcast", tags=["broadcast"])


@router.post(
    "/execute",
    response_model=ExecuteAnswer,
    responses=examples.answers(
        200,
        examples.EXECUTED,
        OPERATORS_ONLY,
        DELIVERY_NOT_CONFIGURED,
        SENDING_OFF,
        TELEGRAM_UNAVAILABLE,
        *examples.SIGNED_IN,
        *examples.DATABASE,
    ),
)
async def execute(user: CurrentUser, request: Request) -> ExecuteAnswer | JSONResponse:
    """Send everything that is due now, and answer when that is done. For operators."""
    settings: WorkerSettings | None = request.app.state.delivery
    if not user.is_operator:
        return _answer(OPERATORS_ONLY)
    if settings is None:
        return _answer(DELIVERY_NOT_CONFIGURED)
    try:
        done = await run_round(settings, request.app.state.stopping, _GRACE)
    except TokenRefused:
        return _answer(DELIVERY_NOT_CONFIGURED)
    except SendingOff:
        return _answer(SENDING_OFF)
    except RequestRefused:
        return _answer(TELEGRAM_UNAVAILABLE)
    return ExecuteAnswer(
        total_broadcasts=len(done.results),
        successful=done.successful,
        failed=done.failed,
        execution_time_seconds=round(done.seconds, 3),
        results=[ExecuteResult.model_validate(result) for result in done.results],
    )


def _answer(failure: Failure) -> JSONResponse:
    return JSONResponse(failure.body(), failure.status, dict(failure.headers))
