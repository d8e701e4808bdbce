"""What is known of a day once its files were read: whether it is whole, how it was read, and what could not be used."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from basewatch.config import ReadsbArchive
from basewatch.lake.events import Day
from basewatch.lake.ledger import LedgerRow
from basewatch.readsb.decoder import UNKNOWN_DAY, Outcome
from basewatch.readsb.heatmap import HALVES, clock
from basewatch.readsb.survey import Seen
from basewatch.reference.thresholds import Thresholds
from basewatch.sources.contract import Context, LandedFile
from basewatch.sources.readsb_archive.local import ALONE, trailing_sizes
from basewatch.sources.readsb_archive.members import HEATMAP, Index

FAULTS_TOLD = 3  # unreadable heatmaps whose reason the ledger's row gives; the rejects give all
AS_SET = "as set"  # the way in which a day was read was asked for, not chosen
DECODER = 3  # version of what decoding keeps


@dataclass
class Survey:
    """What the looks at a day's heatmaps gave, and how the day is read: `heatmap`, `both` or, after all, `traces`."""

    looks: list[Seen]
    way: str

    @property
    def faults(self) -> dict[int, str]:
        """Why half hours that have a file could not be read."""
        return dict(sorted(fault for look in self.looks for fault in look.faults.items()))

    @property
    def positions(self) -> dict[int, int]:
        """How many positions each half hour holds that could be read."""
        return dict(sorted(count for look in self.looks for count in look.positions.items()))

    def lacks(self, params: Thresholds, *, own_receiver: bool) -> list[str]:
        """What of the day its heatmaps do not show, in words: half hours without a file, unreadable or all but empty.

        A receiver of one's own may hear nobody for half an hour, all of a network's may not.
        """
        positions, faults = self.positions, self.faults
        absent = [half for half in range(HALVES) if half not in positions and half not in faults]
        usual = median(positions.values()) if positions else 0
        is_busy = usual >= params.heatmap_busy_positions and not own_receiver
        hushes = {half: hush for look in self.looks for half, hush in look.hush_s.items()}
        hushed = [half for half in positions if is_busy and hushes[half] > params.heatmap_hush_s]
        groups = (
            (absent, "no heatmap of"),
            (list(faults), "unreadable heatmaps of"),
            (hushed, f"nobody heard for over {params.heatmap_hush_s:g} s, of {usual:,.0f} positions usually, in"),
        )
        reasons = [f"{words} {_counted(halves)}: {_spans(halves)}" for halves, words in groups if halves]
        return [*reasons, *(f"{half:02d}.bin.ttf: {reason}" for half, reason in list(faults.items())[:FAULTS_TOLD])]


def _counted(halves: Sequence[int]) -> str:
    return f"{len(halves)} half hour{'s' if len(halves) > 1 else ''}"


def _spans(halves: Sequence[int]) -> str:
    """Half hours as spans of time, UTC: 00:00 to 01:30, 14:00 to 14:30."""
    starts = [half for half in halves if half - 1 not in halves]
    ends = [half + 1 for half in halves if half + 1 not in halves]
    return ", ".join(f"{clock(start)} to {clock(end)}" for start, end in zip(starts, ends, strict=True))


def judge_completeness(
    folders: int, size: int, trailing: Sequence[int], copy: str, params: Thresholds, *, own_receiver: bool = False
) -> str | None:
    """Why a day's copy is not the whole day; None where it is.

    folders: how many of the 256 hold a trace. size, trailing: bytes of this copy, and of the chosen copies of the days
    before. copy: its name. An archive of one's own receiver need not fill all folders.
    """
    reasons = []
    if "mlatonly" in copy:
        reasons.append("multilateration only")
    if folders < params.archive_min_folders and not own_receiver:
        reasons.append(f"traces in {folders} of 256 folders only")
    usual = median(trailing) if len(trailing) >= params.archive_trailing_min_days else None
    if usual is not None and size < params.archive_min_share_of_median * usual:
        reasons.append(f"{size / 1e6:,.1f} MB, where the days before have {usual / 1e6:,.1f} MB (median)")
    if re.search(r"\dtmp\b", copy) and usual is None:
        reasons.append("written while the day's files were still being made, and no days before to compare it with")
    return "; ".join(reasons) or None


def judge(
    day: date,
    files: Sequence[LandedFile],
    index: Index,
    outcomes: Sequence[Outcome],
    survey: Survey | None,
    size: int,
    copy: str,
    context: Context[ReadsbArchive],
) -> Day:
    """The day's ledger row."""
    settings, params = context.settings, context.params
    way = survey.way if survey else "traces"
    heard = survey if survey and way != "traces" else None
    failure = _failure_of_heatmaps(heard) if heard else _failure_of_traces(day, index, outcomes, settings)
    reasons = [failure] if failure else []
    if not failure:
        own_receiver = settings.own_receiver or copy.startswith(ALONE)
        incomplete = judge_completeness(
            index.folders,
            size,
            trailing_sizes(files, day, context),
            copy.split(";")[0],
            params,
            own_receiver=own_receiver or way == "heatmap",
        )
        reasons += [incomplete] if incomplete else []
        reasons += [index.cut_short] if index.cut_short else []
        if heard:
            reasons += heard.lacks(params, own_receiver=own_receiver)
        else:
            reasons += _lacks_of_traces(day, index, outcomes, params)
    status = "failed" if failure else "partial" if reasons else "ok"
    digests = [look.digest for look in heard.looks] if heard else []
    digest = hashlib.sha256("".join([*digests, *(outcome.digest for outcome in outcomes)]).encode())
    scan = "" if settings.scan == "all" else f"; scanned: {settings.scan}"
    unread = sum(outcome.bad for outcome in outcomes) + len(index.faults) + len(survey.faults if survey else ())
    read = sum(outcome.heard if heard else outcome.read for outcome in outcomes)
    return Day(
        day,
        status,
        files=len(files),
        bytes=size,
        records_read=read + len(index.foreign),
        records_kept=sum(outcome.kept for outcome in outcomes),
        records_rejected=unread,
        sha256=digest.hexdigest(),
        chosen_copy=f"{copy}{scan}",
        error="; ".join(reasons) or None,
        source_detail=_detail(index, outcomes, survey, settings.read, params),
    )


def _detail(index: Index, outcomes: Sequence[Outcome], survey: Survey | None, read: str, params: Thresholds) -> str:
    """How the day was read: traces, heatmap or both; the decoder's version, and how near a base it looked."""
    way = survey.way if survey else "traces"
    traces = f"{sum(outcome.read for outcome in outcomes):,} traces"
    heatmaps = f"{len(survey.positions if survey else index.heatmaps)} heatmaps"
    what = {
        "traces": traces + (f", its {heatmaps} not used" if index.heatmaps else ""),
        "both": f"{heatmaps} and {traces}",
        "heatmap": f"{heatmaps} of {HALVES}",
    }[way]
    way += "" if read == "auto" else f" ({AS_SET})"
    return f"{way}: {what}; {_decoder(params)}"


def _decoder(params: Thresholds) -> str:
    """The version of what decoding keeps, and how near a base it looks."""
    rings = f"{params.archive_ring_outer_nm:g} NM below {params.archive_ring_outer_ft:,.0f} ft"
    return f"decoder {DECODER}; within {rings} or {params.archive_ring_inner_nm:g} NM"


def outdated(rows: Sequence[LedgerRow], context: Context[ReadsbArchive]) -> list[date]:
    """The days of these rows that were read by another decoder or ring, or in another way than `read` now says."""
    read, now = context.settings.read, _decoder(context.params)
    days = set()
    for row in rows:
        detail = row.source_detail or ""
        way = detail.split(":")[0]
        is_as_set = way == f"{read} ({AS_SET})" if read != "auto" else AS_SET not in way
        if row.status in ("ok", "partial") and not (detail.endswith(now) and is_as_set):
            days.add(row.day)
    return sorted(days)


def _failure_of_heatmaps(survey: Survey) -> str | None:
    """Why nothing of a day can be used that was to be read from its heatmaps; None where something can."""
    if survey.faults and not survey.positions:
        half, reason = next(iter(survey.faults.items()))
        return f"none of its {len(survey.faults)} heatmaps can be used, that of {clock(half)} because {reason}"
    if not survey.positions:
        return f"it holds no heatmaps, which are named {HEATMAP}"
    return None if any(survey.positions.values()) else "none of its heatmaps holds a position"


def _days_of_traces(outcomes: Sequence[Outcome]) -> Counter[date | None]:
    """How many traces are of each day; None: of no day that can be read."""
    traces: Counter[date | None] = Counter()
    for outcome in outcomes:
        for number, count in outcome.days.items():
            traces[None if number == UNKNOWN_DAY else date(1970, 1, 1) + timedelta(days=number)] += count
    return traces


def _failure_of_traces(day: date, index: Index, outcomes: Sequence[Outcome], settings: ReadsbArchive) -> str | None:
    """Why nothing of a day can be used that was to be read from its traces; None where something can."""
    read, unread = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("read", "bad"))
    if not read:
        return "; ".join([index.without_traces, *([index.cut_short] if index.cut_short and not index.no_tar else [])])
    if unread == read:
        return "none of its traces can be used"
    if settings.scan == "all" and unread + sum(outcome.empty for outcome in outcomes) == read:
        return "none of its traces holds a point"
    traces = _days_of_traces(outcomes)
    timed = traces.total()
    if timed and traces[day] < timed / 2:
        other, count = max(traces.items(), key=lambda item: item[1])
        return f"not that day's data: {count} of {timed} traces are of {other or 'no day that can be read'}"
    return None


def _lacks_of_traces(day: date, index: Index, outcomes: Sequence[Outcome], params: Thresholds) -> list[str]:
    """What of a day its traces do not show, in words."""
    read = sum(outcome.read for outcome in outcomes)
    bad = sum(outcome.bad for outcome in outcomes) + len(index.faults)
    traces = _days_of_traces(outcomes)
    timed, most = traces.total(), params.rejected_share_max
    reasons = []
    if bad > most * read:
        reasons.append(f"{bad} of {read} traces cannot be used")
    if timed - traces[day] > most * timed:
        reasons.append(f"{timed - traces[day]} of {timed} traces are of other days")
    return reasons
