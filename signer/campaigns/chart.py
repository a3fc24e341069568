"""The burn-down chart: the gap so far, the ideal line, and where this pace leads."""

from datetime import date
from decimal import Decimal

from signer.campaigns.boards import Board
from signer.errors import N_
from signer.reports.plots import DayPlot
from signer.reports.wording import Say, date_text, in_vietnamese, number_text

_BLUE = "#1d6fb8"


def burn_down_chart(
    board: Board, *, say: Say = in_vietnamese, locale: str = "vi", narrow: bool = False
) -> str:
    """An SVG element that may stand in a page as it is; the table of its figures belongs below."""
    goal = board.goal
    so_far = board.points
    plot = DayPlot(
        first=goal.first_day,
        last=goal.last_day,
        most=max(goal.first_gap, *(gap for _, gap in so_far)),
        narrow=narrow,
        locale=locale,
    )
    plot.begin(
        "burn-narrow" if narrow else "burn",
        say(N_("Số người còn thiếu, từng ngày")),
        _told(board, say, locale),
    )
    if goal.first_day < board.day < goal.last_day:
        plot.mark(board.day)
    plot.area(so_far, _BLUE)
    ideal = [(day, goal.ideal_on(day)) for day in (goal.first_day, goal.last_day)]
    plot.line(ideal, "chart-ideal", "#6b7480", 2, "7 5")
    if board.per_day > 0 and not board.is_done and board.day < goal.last_day:
        plot.line([(board.day, board.figures.gap), _ahead(board)], "chart-forecast", "#b8690f", 2,
                  "2 5")  # fmt: skip
    plot.line(so_far, "chart-actual", _BLUE, 3)
    said = say(N_("còn %(gap)s"), gap=number_text(board.figures.gap, locale))
    plot.point(board.day, board.figures.gap, said, _BLUE)
    return plot.drawn()


def _ahead(board: Board) -> tuple[date, Decimal]:
    """Where the line at this pace leaves the plane: at its floor, or on its last day."""
    goal = board.goal
    if board.ends_on is not None and board.ends_on < goal.last_day:
        return board.ends_on, Decimal(goal.last_gap)
    left = board.figures.gap - board.per_day * (goal.last_day - board.day).days
    return goal.last_day, max(left, Decimal(goal.last_gap))


def _told(board: Board, say: Say, locale: str) -> str:
    parts = [
        say(
            N_("Từ %(first)s người ngày %(start)s xuống %(gap)s người ngày %(day)s."),
            first=number_text(board.goal.first_gap, locale),
            start=date_text(board.goal.first_day),
            gap=number_text(board.figures.gap, locale),
            day=date_text(board.day),
        ),
        say(
            N_("Đường lý tưởng còn %(ideal)s người vào ngày này và %(last)s người vào ngày cuối."),
            ideal=number_text(round(board.goal.ideal_on(board.day)), locale),
            last=number_text(board.goal.last_gap, locale),
        ),
    ]
    if board.ends_on is not None and not board.is_done:
        parts.append(
            say(N_("Với nhịp này, mục tiêu đạt vào ngày %(day)s."), day=date_text(board.ends_on))
        )
    return " ".join(parts)
