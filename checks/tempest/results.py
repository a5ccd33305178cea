"""Prints what a subunit stream says, a test a line: state, name, first line of the error, with tabs between."""

import sys

import subunit
import testtools

STATES = {"success": "passed", "fail": "failed", "skip": "skipped", "xfail": "passed", "uxsuccess": "failed",
          "inprogress": "failed"}


def explain(details):
    texts = {name: content.as_text() for name, content in details.items() if content.content_type.type == "text"}
    trace = next((text for name, text in texts.items() if "traceback" in name), "") or texts.get("reason", "")
    lines = [line.strip() for line in trace.splitlines() if line.strip() and not line.startswith(" ")]
    return " ".join(lines[-2:])[:400]


def handle(test):
    if test["status"] in STATES:
        print(STATES[test["status"]], test["id"], explain(test["details"]), sep="\t")


with open(sys.argv[1], "rb") as stream:
    case = subunit.ByteStreamToStreamResult(stream, non_subunit_name="stdout")
    result = testtools.StreamToDict(handle)
    result.startTestRun()
    case.run(result)
    result.stopTestRun()
