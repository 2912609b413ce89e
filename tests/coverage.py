#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""coverage.py - which lines of core and plugins no test runs.

    gcovr --json ... | tests/coverage.py EXCLUSIONS LEAST

Reads gcovr's JSON, takes out what EXCLUSIONS names, and prints a line for each
file and each line that was not run. Fails if less than LEAST % were run in
core or in plugins, or if an exclusion names nothing, or nothing but lines that
were run.

A line of EXCLUSIONS is

    FILE: TEXT | REASON

and names the lines of FILE that contain TEXT. An empty TEXT is the whole file.
Where TEXT is BEFORE => REST, the line above has to contain BEFORE.
"""
import json
import sys


def read_exclusions(path):
    rules = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith("#") or not line.strip():
                continue
            head, bar, reason = line.rpartition(" | ")
            name, colon, text = head.partition(":")
            if not (bar and colon and reason.strip()):
                sys.exit(f"{path}:{number}: write FILE: TEXT | REASON")
            before, arrow, rest = text.partition("=>")
            if not arrow:
                before, rest = "", text
            rules.append({"file": name.strip(), "before": before.strip(),
                          "text": rest.strip(), "lines": 0,
                          "place": f"{path}:{number}"})
    return rules


def excluded(rules, name, above, source):
    hit = False
    for rule in rules:
        if (rule["file"] == name and rule["text"] in source
                and rule["before"] in above):
            rule["lines"] += 1
            hit = True
    return hit


def look(report, rules):
    """For each file: its name, lines that count, those of them not run."""
    for entry in sorted(report["files"], key=lambda e: e["file"]):
        name = entry["file"]
        with open(name, encoding="utf-8") as source:
            text = source.read().split("\n")
        total = 0
        missed = []
        for line in entry["lines"]:
            number = line["line_number"]
            if line.get("gcovr/noncode") or number > len(text):
                continue
            out = excluded(rules, name, text[number - 2], text[number - 1])
            if line["count"] > 0 or not out:
                total += 1
            if line["count"] == 0 and not out:
                missed.append((number, text[number - 1].strip()))
        yield name, total, missed


def share(run, total):
    return 100.0 * run / total if total else 100.0


def main():
    rules = read_exclusions(sys.argv[1])
    least = float(sys.argv[2])
    sums = {}
    failed = False
    for name, total, missed in look(json.load(sys.stdin), rules):
        part = sums.setdefault(name.split("/")[0], [0, 0])
        part[0] += total - len(missed)
        part[1] += total
        print(f"{share(total - len(missed), total):6.2f} %  {name}")
        for number, text in missed:
            print(f"          {name}:{number}: {text}")
    for part, (run, total) in sorted(sums.items()):
        print(f"{part}: {run} of {total} lines, {share(run, total):.2f} %")
        failed = failed or share(run, total) < least
    for rule in rules:
        if rule["lines"] == 0:
            print(f"{rule['place']}: names no line of code")
            failed = True
    return failed


sys.exit(main())
