#!/usr/bin/env python3
"""Opens reports of labels with hostile names in a real browser, which must see nothing but text.

    python3 tests/browser.py [--binary target/debug/posweight] [--browser PROGRAM] [--keep DIR]

Needs Chromium (`apt-get install chromium-headless-shell`) and nothing else. Each page is opened from its file,
sorted by every column, searched, shown in dark mode, and printed. A violation of the page's policy, a dialog, an error
of a script, a request for anything but the page, another window, and an element that no report has are failures.
Pages that do each of these on purpose are opened too: they must be caught. Ends with 0, with 1 if a page failed, or
with 2 if there is no browser.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BROWSERS = ["chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome"]
PATIENCE = 60
NAMES = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</td></tr></table><script>alert(1)</script>",
    "</style></script><svg/onload=alert(1)>",
    "--></title></textarea><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<base href=http://127.0.0.1:9/>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<form action=http://127.0.0.1:9/><button autofocus onfocus=alert(1)>",
    "x\" style=\"background:url(http://127.0.0.1:9/x)",
    "x\" onmouseover=\"alert(1)\" autofocus tabindex=0 onfocus=\"alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;&#x0;&bogus;",
    "{{constructor.constructor('alert(1)')()}}${alert(1)}<%= 7*7 %>",
    "\u202e\u05d0\u05d1\u05d2 right to left \u2066\u2067",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "a\u0000b\u0001\u001b[31m\u007f\u0085\u2028\u2029",
    "\ufeff\u200b\u200d\ufffe\uffff",
    "Z\u0351\u0363\u035a" * 40,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "' or 1=1 --",
    "__proto__",
    " ",
    "x" * 10_000,
    "<b>" * 3_000 + "\"'`",
    "word " * 2_000,
]
# What the script of a page must find, and what it must not.
LOOK = """(() => {
  const all = Array.from(document.querySelectorAll('*'));
  const odd = all.filter((element) =>
    ['IMG', 'IFRAME', 'OBJECT', 'EMBED', 'BASE', 'LINK', 'FORM', 'B'].includes(element.tagName)
    || Array.from(element.attributes).some((attribute) => attribute.name.startsWith('on'))
    || (element.getAttribute('href') || '#')[0] !== '#'
    || (element.tagName === 'META' && element.httpEquiv === 'refresh'));
  return {
    scripts: document.scripts.length,
    odd: odd.map((element) => element.outerHTML.slice(0, 120)),
    rows: document.querySelector('table.all').tBodies[0].rows.length,
    wide: document.documentElement.scrollWidth > window.innerWidth,
  };
})()"""
USE = """(() => {
  for (const button of document.querySelectorAll('table.all thead button')) { button.click(); button.click(); }
  const input = document.querySelector('.find input');
  for (const wanted of ['<script>', '"', "'", '\\\\', '\\u202e', '(', 'x'.repeat(100000), '']) {
    input.value = wanted;
    input.dispatchEvent(new Event('input'));
  }
  document.querySelectorAll('details').forEach((one) => { one.open = true; });
  document.querySelectorAll('*').forEach((one) => {
    for (const what of ['mouseover', 'focus', 'click']) {
      if (what !== 'click' || one.tagName !== 'A') one.dispatchEvent(new Event(what));
    }
  });
  document.querySelectorAll('a').forEach((one) => one.click());
  return true;
})()"""
# Put into a page before its end, each must be caught, and by this.
POLICY = "issue: ContentSecurityPolicyIssue"
TRAPS = {
    "a script": ("<script>alert(1)</script>", POLICY),
    "a handler": ("<img src=data:,x onerror=alert(1)>", POLICY),
    "a picture from elsewhere": ("<img src=http://127.0.0.1:9/x.png>", POLICY),
    "a frame": ("<iframe srcdoc='<p>x'></iframe>", "element <iframe"),
    "a style from elsewhere": ("<link rel=stylesheet href=http://127.0.0.1:9/x.css>", POLICY),
    "a refresh": ("<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>", "request: http://127.0.0.1:9/"),
    "a link that is a script": ("<a href='javascript:alert(1)'>x</a>", POLICY),
}
# With the policy taken out of a page, what it would have kept from running must be caught too.
LOOSE = {
    "a dialog": ("<script>alert('seen')</script>", "dialog: seen"),
    "an error": ("<script>throw new Error('seen')</script>", "error: Error: seen"),
    "a request": ("<script>fetch('http://127.0.0.1:9/seen').catch(() => 0)</script>", "request: http://127.0.0.1:9/seen"),
    "a window": ("<script>window.open('about:blank')</script>", "window: "),
}


class Left(Exception):
    """The browser has no answer, since the page is gone or the command is wrong."""


class Browser:
    """A headless browser, spoken to through pipes."""

    def __init__(self, program, folder):
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()

        def pipes():
            # The browser reads at 3 and writes at 4.
            one, other = os.dup(to_read), os.dup(to_write)
            os.dup2(one, 3)
            os.dup2(other, 4)

        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
        flags += ["--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        self.process = subprocess.Popen(
            [program, *flags, "about:blank"], preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.answers, self.events, self.number = {}, [], 0
        self.changed = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        page = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self.page = page
        self.ask("Target.setDiscoverTargets", discover=True)
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"]:
            self.ask(f"{domain}.enable", self.session)

    def listen(self):
        text = b""
        while part := os.read(self.from_browser, 1 << 16):
            *whole, text = (text + part).split(b"\0")
            with self.changed:
                for one in map(json.loads, whole):
                    if "id" in one:
                        self.answers[one["id"]] = one
                    else:
                        self.events.append(one)
                self.changed.notify_all()
        with self.changed:
            self.answers = None
            self.changed.notify_all()

    def send(self, method, session=None, **parameters):
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        text = json.dumps(command).encode() + b"\0"
        while text:
            text = text[os.write(self.to_browser, text):]
        return self.number

    def ask(self, method, session=None, **parameters):
        """Sends a command; its answer. Dialogs are closed meanwhile, since they hold everything up."""
        number = self.send(method, session, **parameters)
        end = time.monotonic() + PATIENCE
        seen = 0
        while True:
            with self.changed:
                if self.answers is None:
                    sys.exit("the browser ended")
                answer = self.answers.pop(number, None)
                dialogs = [e for e in self.events[seen:] if e["method"] == "Page.javascriptDialogOpening"]
                seen = len(self.events)
                if answer is None and not dialogs and not self.changed.wait(max(0, end - time.monotonic())):
                    sys.exit(f"the browser does not answer to {method}")
            for _ in dialogs:
                self.send("Page.handleJavaScriptDialog", self.session, accept=False)
            if answer is not None:
                if "error" in answer:
                    # A page that leads elsewhere, as a trap does, may be gone while it is looked at.
                    raise Left(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def value(self, script):
        answer = self.ask("Runtime.evaluate", self.session, expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            return {"exception": answer["exceptionDetails"].get("exception", {}).get("description", "")}
        return answer["result"].get("value")

    def examined(self, labels):
        """What is wrong with what a page has and does."""
        wrong = []
        look = self.value(LOOK)
        if "exception" in look:
            return [f"is no report: {look['exception']}"]
        if look["scripts"] != 1:
            wrong.append(f"{look['scripts']} scripts")
        wrong += [f"element {odd}" for odd in look["odd"]]
        if labels is not None and look["rows"] != labels:
            wrong.append(f"{look['rows']} rows for {labels} labels")
        if look["wide"]:
            wrong.append("wider than the window")
        for scheme in ["dark", "light"]:
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            self.ask("Emulation.setEmulatedMedia", self.session, features=features)
            if (used := self.value(USE)) is not True:
                wrong.append(f"script: {used}")
        if not self.ask("Page.printToPDF", self.session, preferCSSPageSize=True)["data"]:
            wrong.append("prints nothing")
        return wrong

    def visit(self, path, labels=None):
        """What is wrong with a page, in a few words each."""
        self.events.clear()
        url = path.resolve().as_uri()
        answer = self.ask("Page.navigate", self.session, url=url)
        end = time.monotonic() + PATIENCE
        with self.changed:
            # Loading may wait for a dialog, which `ask` closes.
            while not any(e["method"] in ("Page.loadEventFired", "Page.javascriptDialogOpening") for e in self.events):
                if not self.changed.wait(max(0, end - time.monotonic())):
                    return [f"did not load: {answer}"]
        try:
            wrong = self.examined(labels)
        except Left as why:
            wrong = [f"is no report: {why}"]
        # What has begun is answered before this.
        with contextlib.suppress(Left):
            self.value("new Promise((done) => setTimeout(done, 50))")
        time.sleep(0.1)
        with self.changed:
            events = list(self.events)
        for event in events:
            method, of = event["method"], event["params"]
            if method == "Page.javascriptDialogOpening":
                wrong.append(f"dialog: {of['message'][:80]}")
            elif method == "Runtime.exceptionThrown":
                details = of["exceptionDetails"]
                wrong.append(f"error: {details.get('exception', {}).get('description', details['text'])[:160]}")
            elif method == "Runtime.consoleAPICalled" and of["type"] in ("error", "warning", "assert"):
                wrong.append(f"console: {str(of['args'])[:160]}")
            elif method == "Log.entryAdded" and of["entry"]["level"] in ("error", "warning"):
                wrong.append(f"log: {of['entry']['text'][:160]}")
            elif method == "Audits.issueAdded":
                # Links that a script clicks, as here, are of no use to the button that goes back.
                error = of["issue"]["details"].get("genericIssueDetails", {}).get("errorType", "")
                if error != "NavigationEntryMarkedSkippable":
                    wrong.append(f"issue: {of['issue']['code']} {error}".rstrip())
            elif method == "Network.requestWillBeSent":
                asked = of["request"]["url"].split("#")[0]
                if asked != url and not asked.startswith("data:"):
                    wrong.append(f"request: {asked[:120]}")
            elif method == "Target.targetCreated" and of["targetInfo"]["type"] in ("page", "iframe"):
                if of["targetInfo"]["targetId"] != self.page and of["targetInfo"].get("openerId"):
                    wrong.append(f"window: {of['targetInfo']['url'][:120]}")
        return list(dict.fromkeys(wrong))

    def close(self):
        try:
            self.send("Browser.close")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def pages(binary, folder):
    """Reports whose labels, groups, columns, files and folders have hostile names: path and number of labels."""
    evil = NAMES[1]
    files = {
        "wide": folder / "'><img src=x onerror=alert(1)>" / "\"onload=\"alert(1).jsonl",
        "list": folder / "list.jsonl",
        "heads": folder / "heads.jsonl",
    }
    columns = [
        {name: int((row * 7 + i) % (i % 9 + 2) == 0) for i, name in enumerate(NAMES)} | {"by": NAMES[row % 7]}
        for row in range(200)
    ]
    write(files["wide"], columns)
    tags = [{"tags": [NAMES[i] for i in range(len(NAMES)) if (row * 5 + i) % (i % 9 + 3) == 0], evil: NAMES[row % 5]}
            for row in range(200)]
    write(files["list"], tags)
    tagged = len({tag for row in tags for tag in row["tags"]})
    heads = [{evil: NAMES[row % 11], "size": NAMES[row % 13]} for row in range(150)]
    write(files["heads"], heads)
    runs = {
        "wide": (["--layout", "wide", "--labels", "*", "--labels", "!by", "--by", "by"], len(NAMES)),
        "list": (["--layout", "list", "--labels", "tags", "--by", evil, "--scheme", "sqrt", "--scheme", "ratio"],
                 tagged),
        "heads": (["--layout", "class", "--labels", f"{evil},size"], 24),
        "again": (["--layout", "list", "--labels", "tags", "--where", f"\"{evil.replace(chr(34), chr(34) * 2)}\" <> 'x'",
                   "--against", folder / "list"], tagged),
    }
    for name, (flags, labels) in runs.items():
        source = files.get(name, files["list"])
        command = [binary, "compute", source, *flags, "--out", folder / name, "--overwrite", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            sys.exit(f"{name}: posweight ended with {done.returncode}: {done.stderr[:600]}")
        yield name, folder / name / "report.html", labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target" / "debug" / "posweight")
    parser.add_argument("--browser", default=os.environ.get("POSWEIGHT_BROWSER"))
    parser.add_argument("--keep", type=pathlib.Path, help="write the pages here and leave them")
    arguments = parser.parse_args()
    program = arguments.browser or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print(f"no browser: none of {', '.join(BROWSERS)} is installed", file=sys.stderr)
        sys.exit(2)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        results = arguments.keep or folder / "pages"
        results.mkdir(parents=True, exist_ok=True)
        browser = Browser(program, folder / "profile")
        print(browser.ask("Browser.getVersion")["product"])
        try:
            for name, page, labels in pages(arguments.binary.resolve(), results.resolve()):
                wrong = browser.visit(page, labels)
                failed += bool(wrong)
                print(f"{name}: {page.stat().st_size} bytes, {labels} labels: {'; '.join(wrong) or 'nothing but text'}")
            text = page.read_text(encoding="utf-8")
            start, policy, rest = text.partition('<meta http-equiv="Content-Security-Policy"')
            loose = start + rest.partition(">")[2] if policy else sys.exit("the page has no policy")
            for page, traps in [(text, TRAPS), (loose, LOOSE)]:
                for name, (trap, expected) in traps.items():
                    trapped = results / "trap.html"
                    trapped.write_text(page.replace("</main>", trap + "</main>", 1), encoding="utf-8")
                    wrong = browser.visit(trapped)
                    is_caught = any(one.startswith(expected) for one in wrong)
                    failed += not is_caught
                    print(f"trap, {name}: {'caught' if is_caught else 'NOT CAUGHT, only ' + str(wrong)}")
        finally:
            browser.close()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
