"""A roster of any size as Excel would save it, imported new and then once more unchanged."""

import gc
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import xlsxwriter
from _million import _places, _served

from signer.accounts import SYSTEM
from signer.inventory import spreadsheet_child
from signer.inventory.tree import HANOI_UNITS, read_units
from signer.services import Services, services

_HEADINGS = (
    *("STT", "Mã CB", "Họ và tên", "Ngày sinh", "Giới tính", "Số CCCD", "Ngày cấp", "Nơi cấp"),
    *("Loại", "Đơn vị", "Phòng", "Chức vụ", "Mã ngạch", "Thư điện tử công vụ"),
    *("Số điện thoại di động", "SIM PKI", "Nhà mạng", "Trạng thái công tác", "Từ ngày"),
    *("Số quyết định", "Vai trò ký"),
)
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ")
_SHARES = (38, 11, 10, 7, 5, 5, 4, 2, 2, 2, 1)
_MIDDLES = ("Thị", "Văn", "Thu", "Minh", "Thanh", "Quang", "Hữu", "Đức", "Ngọc", "Xuân", "Hồng")
_GIVEN = (
    *("Ánh", "Bình", "Chi", "Dũng", "Đạt", "Hà", "Hương", "Khánh", "Linh", "Minh", "Nam", "Oanh"),
    *("Phương", "Quân", "Sơn", "Thảo", "Tùng", "Uyên", "Vân", "Yến", "Hải", "Hùng", "Lan", "Mai"),
)
_EXCEL_EPOCH = date(1899, 12, 30)


def measure(rows: int, *, limit_seconds: float, postgresql: bool) -> dict[str, Any]:
    """Seconds from the file to everybody stored; the floor is the reading of its cells alone."""
    with tempfile.TemporaryDirectory(prefix="signer-roster-bench-") as folder:
        file = Path(folder) / "roster.xlsx"
        # In a process of its own, so that its memory is not counted here.
        writer = multiprocessing.get_context("spawn").Process(target=write, args=(file, rows))
        writer.start()
        writer.join()
        size = round(file.stat().st_size / 1024**2, 1)
        with empty_city(Path(folder) / "city", postgresql=postgresql):
            rooms = services()
            floor, reader = _read_alone(file)
            first = _imported(rooms, file)
            again = _imported(rooms, file)
            if (first.people, again.people) != (rows, 0):
                raise RuntimeError(f"{first.people} of {rows} were new, then {again.people}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "value": round(first.seconds, 1),
        "unit": "s",
        "floor": round(floor, 1),
        "ratio": first.seconds / floor,
        "conditions": {
            "rows": rows,
            "database": "PostgreSQL" if postgresql else "SQLite",
            "limit": limit_seconds,
            "of which the check": round(first.check, 1),
            "processor seconds, ours and the reader's": round(first.processor, 1),
            "again, unchanged": round(again.seconds, 1),
            "again, processor seconds": round(again.processor, 1),
            "MB at most": round(max(own, first.resident + reader, again.resident + reader)),
            "MB, ours at most and the reader's": [round(own), round(reader)],
            "file MB": size,
        },
    }


@dataclass(frozen=True, kw_only=True)
class Imported:
    """How long an import took, in seconds, and how many people were new or changed."""

    seconds: float
    check: float
    processor: float
    people: int
    resident: float
    """Megabytes of ours while the child reads."""


@contextmanager
def empty_city(home: Path, *, postgresql: bool = False) -> Iterator[None]:
    """The application on a city of 600 units with nobody in them, in its context."""
    home.mkdir(parents=True)
    for folder in (home.parent, home):
        folder.chmod(0o755)  # the database's own user goes through
    with _served(home, postgresql):
        gc.freeze()  # as the command does
        services().inventory.load_units()
        _places(services(), 600)
        yield


def write(file: Path, rows: int) -> None:
    """A workbook of that many officials of today's wards and communes."""
    random = Random(20261123)  # invented people
    units = [unit.name for unit in read_units(HANOI_UNITS) if unit.valid_to is None][1:]
    # Texts shared among cells, as Excel saves them; held in memory only as far as that goes.
    options = {"constant_memory": rows > 200_000, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(file, options)
    sheet = book.add_worksheet("DS")
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, ["ỦY BAN NHÂN DÂN THÀNH PHỐ HÀ NỘI"])
    sheet.write_row(2, 0, ["DANH SÁCH CÁN BỘ, CÔNG CHỨC, VIÊN CHỨC"])
    sheet.write_row(4, 0, _HEADINGS)
    for number in range(1, rows + 1):
        born = date(1966, 1, 1) + timedelta(days=random.randrange(14_000))
        is_woman = random.random() < 0.6
        name = [random.choices(_FAMILIES, _SHARES)[0], *random.sample(_MIDDLES, 2)]
        century = (0 if born.year < 2000 else 2) + is_woman
        card = f"{number % 96 + 1:03d}{century}{born:%y}{number // 96:06d}"
        has_sim = number % 4 == 0
        row = 4 + number
        sheet.write_number(row, 0, number)
        sheet.write_string(row, 1, f"HN{number:07d}")
        sheet.write_string(row, 2, " ".join([*name, random.choice(_GIVEN)]))
        sheet.write_number(row, 3, (born - _EXCEL_EPOCH).days, day)
        texts = ("Nữ" if is_woman else "Nam", card, "05/10/2021", "Cục Cảnh sát QLHC về TTXH")
        texts += ("Công chức", random.choice(units), "Phòng Kinh tế", "Chuyên viên", "01.003")
        texts += (f"u{number}@hanoi.gov.vn", f"09{number:08d}", "Có" if has_sim else "Không")
        texts += ("Viettel" if has_sim else "", "Đang công tác", "01/07/2025")
        texts += (f"{number % 500}/QĐ-UBND", "Chuyên viên")
        for column, text in enumerate(texts, start=4):
            sheet.write_string(row, column, text)
    sheet.write_row(rows + 5, 0, [f"Tổng cộng: {rows} người"])
    book.close()


def _imported(rooms: Services, file: Path) -> Imported:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    started, processor = time.perf_counter(), sum(os.times()[:4])
    checked = rooms.inventory.rosters.dry_run(SYSTEM, file, file.name)
    check = time.perf_counter() - started
    if checked.plan.errors:
        raise RuntimeError(checked.plan.errors[0].message)
    job_id = rooms.inventory.rosters.start(SYSTEM, checked.import_id)
    rooms.jobs.run(rooms.job_handlers, job_id=job_id)
    record = rooms.inventory.rosters.view(SYSTEM, checked.import_id).record
    return Imported(
        seconds=time.perf_counter() - started,
        check=check,
        processor=sum(os.times()[:4]) - processor,
        people=record.applied_new + record.applied_changed,
        resident=pages * resource.getpagesize() / 1024**2,
    )


def _read_alone(file: Path) -> tuple[float, float]:
    """Seconds and megabytes of the reading child by itself."""
    started = time.perf_counter()
    command = [sys.executable, "-I", spreadsheet_child.__file__, str(file)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"the reader ended with {child.returncode}")
    return time.perf_counter() - started, used.ru_maxrss / 1024
