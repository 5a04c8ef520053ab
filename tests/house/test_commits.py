"""Subjects of commits, since the rule came in: what changes, in the field's words, at most 72 columns; a body says why."""

import re

import pytest

from house import ROOT, command

# The rules hold from the commit that last changed this file: a stricter one does not judge what was there before.
SUBJECT = re.compile(r"^(Merge\b|Revert\b|[a-z0-9_./, *-]+: \S)")
NEED_NO_BODY = re.compile(r"^(Merge\b|Revert\b|(docs|po|tests|compare)\b)")


def history():
    last = command("git", "-c", f"safe.directory={ROOT}", "log", "-1", "--format=%H", "--",
                    "tests/house/test_commits.py")
    if last.returncode != 0 or not last.stdout.split():
        pytest.skip("no git history here")
    shown = command("git", "-c", f"safe.directory={ROOT}", "log", "--format=%H%x00%s%x00%b%x01",
                    f"{last.stdout.split()[0]}..HEAD")
    return [entry.strip("\n").split("\0") for entry in shown.stdout.split("\1") if entry.strip()]


def test_subjects():
    wrong = [f"{commit[:9]} {subject}" for commit, subject, _ in history()
             if len(subject) > 72 or not SUBJECT.match(subject)]
    assert not wrong, "a subject is 'folder: what changes', at most 72 columns:\n" + "\n".join(wrong)


def test_bodies():
    wrong = [f"{commit[:9]} {subject}" for commit, subject, body in history()
             if not body.strip() and not NEED_NO_BODY.match(subject)]
    assert not wrong, "a body says why:\n" + "\n".join(wrong)
