"""The audit log in the console: searched, verified, and its checkpoint handed out."""

import datetime as dt
from typing import Any, Final

from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from audit import proofs, search, sentences, verify
from audit.events import EVENTS
from audit.models import AuditEntry, Checkpoint, VerifiedLog
from audit.sealing import verifier_keys
from audit.views.verification import KeptEvidence
from pvc.pages import Button, Page, Refused, stretch

#: More faults than these are counted and not listed.
MOST_FAULTS: Final = 500


class LogPage(Page):
    """What was done in the tenant, newest first."""

    model = AuditEntry
    title = "Audit log"
    template_name = "admin/console/log.html"
    permission_required = "audit:read"

    def shown(self, **_: Any) -> dict[str, Any]:
        asked = {name: self.asked(name) for name in ("actor", "verb", "about", "since", "until")}
        days = {name: _day(asked[name]) for name in ("since", "until")}
        wanted = search.Wanted(asked["actor"], asked["verb"], asked["about"], **days)
        found = search.look(self.actor, wanted, upto=_number(self.asked("upto")))
        part = stretch(self.request, found.rows, by="seq")
        for entry in part.rows:
            _tell(entry)
        return {
            "part": part,
            "found": found,
            "asked": asked,
            "is_search": any(asked.values()),
            "is_spanned": found.goes_on or self.asked("upto"),
            "further": self._further(found) if found.goes_on and not part.older else "",
            "verbs": list(EVENTS),
            "checkpoint": Checkpoint.objects.of(self.actor.tenant.pk).defer("tree").first(),
            "verified": VerifiedLog.objects.filter(pk=self.actor.tenant.pk).first(),
            "verifier_keys": [str(each) for each in verifier_keys()],
        }

    def _further(self, found: search.Found) -> str:
        """The address of the same search among what is older."""
        query = self.request.GET.copy()
        for name in ("before", "after"):
            query.pop(name, None)
        query["upto"] = str(found.first - 1)
        return f"?{query.urlencode()}"


def _tell(entry: AuditEntry) -> None:
    """Add what the page says of an entry."""
    vars(entry)["told"] = {
        "subject": sentences.subject_of(entry.data),
        "meaning": sentences.meaning_of(entry.verb),
        "facts": sentences.facts_of(entry.data),
        "was_refused": entry.verb.endswith(".denied"),
        "hash": bytes(entry.entry_hash).hex(),
    }


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 18 else None


class CheckpointNote(Button):
    """The newest checkpoint as a file: the signed note, to be kept where nobody who holds this server can change it."""

    permission_required = "audit:read"

    def press(self, **_: Any) -> HttpResponseBase:
        newest = proofs.newest(self.actor.tenant.pk)
        name = f"checkpoint-{self.actor.tenant.slug}-{newest.size}.txt"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(newest.note, content_type="text/plain; charset=utf-8", headers=headers)


# ----------------------------------------------------------------------------- verifying
class ReportPage(Page):
    """What a verification found. It is the answer to a button, and has no address of its own."""

    model = AuditEntry
    title = "The log, verified"
    template_name = "admin/console/log_report.html"
    permission_required = "audit:read"
    http_method_names = ["post"]
    #: What was found.
    report = verify.Report()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.get(request, *args, **kwargs)

    def shown(self, **_: Any) -> dict[str, Any]:
        faults = self.report.tampered_entries()
        return {
            "report": self.report,
            "sentences": sentences.of_report(self.report),
            "faults": faults[:MOST_FAULTS],
            "untold": max(0, len(faults) - MOST_FAULTS),
            "root": self.report.checkpoint.root.hex() if self.report.checkpoint else "",
        }


class Verify(Button):
    """Verifies the log, against a checkpoint that somebody kept if one is sent. It changes nothing that was written."""

    permission_required = "audit:read"

    def press(self, **_: Any) -> HttpResponseBase:
        note = self.request.POST.get("note", "").replace("\r\n", "\n").strip()
        kept = self.read(KeptEvidence, checkpoints=[f"{note}\n"] if note else [])
        full = self.request.POST.get("full") == "1"
        report = verify.verify(self.actor.tenant.pk, full=full, checkpoints=kept["checkpoints"])
        page = ReportPage.as_view(model_admin=site.get_model_admin(AuditEntry), report=report)
        return page(self.request)

    def told(self, refused: Refused) -> HttpResponseBase:  # noqa: ARG002 — it is said where the log is
        return redirect("console:log")
