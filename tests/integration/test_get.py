"""`scrap get` as a person or a script runs it: processes, pipes and a terminal."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests import help_texts, running

SCRAP = Path(sys.executable).with_name("scrap")
OPEN = {"SCRAP_ALLOWED_NETWORKS": "127.0.0.0/8", "SCRAP_ALLOWED_PORTS": "1-65535"}
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
PATIENCE = 30.0  # seconds


def environment(**variables: str) -> dict[str, str]:
    """This process's, without what decides on colours; loopback may be fetched."""
    ours = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}}
    return {**ours, "SCRAP": str(SCRAP), "TERM": "xterm-256color", **OPEN, **variables}


def get(*arguments: str, stdin: str | bytes = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `scrap get` with pipes."""
    return piped('exec "$SCRAP" get "$@"', *arguments, stdin=stdin, **variables)


def piped(command: str, *arguments: str, stdin: str | bytes = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command line of bash with pipes; $SCRAP is `scrap`, $1… are the arguments."""
    done = subprocess.run(
        ["bash", "-ec", command, "bash", *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment(**variables),
        timeout=PATIENCE * 4,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def shell(command: str, *arguments: str, **variables: str) -> "pexpect.spawn[str]":
    """Runs one likewise, on a terminal of its own."""
    return pexpect.spawn(
        "bash",
        ["-c", command, "bash", *arguments],
        env=environment(**variables),
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(40, 100),
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """Undoes what a shell does to a run of the tests in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def plain(terminal: str) -> str:
    """The text of a terminal's output."""
    return _ESCAPE.sub("", terminal).replace("\r", "")


class Titled(running.Answer):
    """A page whose title is its path; counts how many are asked for at once.

    /hold waits until a test says so, /together/… until so many others are asked for.
    """

    lock = threading.Lock()
    released = threading.Event()
    together = threading.Barrier(1)
    open = most = 0

    def do_GET(self) -> None:
        with self.lock:
            type(self).open += 1
            type(self).most = max(self.most, self.open)
        if self.path.startswith("/hold"):
            self.released.wait(PATIENCE)
        if self.path.startswith("/together"):
            self.together.wait(PATIENCE)
        with self.lock:
            type(self).open -= 1
        if self.path == "/redirect":
            self.answer(302, b"", {"Location": "/there"})
            return
        self.answer(200, f'<meta property="og:title" content="{self.path}">'.encode(), {"Content-Type": "text/html"})


@pytest.fixture
def titled() -> Iterator[str]:
    """Where `Titled` is."""
    Titled.released.clear()
    Titled.open = Titled.most = 0
    with running.origin(Titled) as origin:
        yield origin.url
        Titled.released.set()


def titles(lines: str) -> list[str]:
    return [json.loads(line)["open_graph"]["title"] for line in lines.splitlines()]


class TestFormats:
    def test_one_url_is_the_apis_body(self, origin: running.Origin) -> None:
        done = get(f"{origin.url}/card.html")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith('{"title":"A card & its picture","type":"website",')
        assert done.stdout.endswith("]]}\n")

    def test_several_are_an_array_in_their_order(self, origin: running.Origin) -> None:
        urls = [f"{origin.url}/{page}" for page in ("nothing.html", "missing", "card.html")]
        done = get(*urls)
        nothing, missing, card = json.loads(done.stdout)
        assert [nothing["url"], missing["url"], card["url"]] == urls
        assert nothing["open_graph"] == {}
        assert (missing["problem"]["status"], missing["problem"]["reason"]) == (502, "upstream_status")
        assert missing["problem"]["upstream_status"] == 404
        assert card["open_graph"]["title"] == "A card & its picture"

    def test_an_error_status_is_named(self, origin: running.Origin) -> None:
        done = get(f"{origin.url}/missing")
        said = f"The page's response has an error status. (upstream_status: 404 from {origin.url}/missing)"
        assert done.stderr == f"scrap: {origin.url}/missing: {said}\n"

    def test_no_url_on_stdin_is_an_empty_array(self) -> None:
        done = get("-", stdin="\n  \n")
        assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")

    def test_ndjson_is_a_line_a_url(self, origin: running.Origin) -> None:
        done = get("--format", "ndjson", "not a url", f"{origin.url}/card.html")
        bad, good = map(json.loads, done.stdout.splitlines())
        assert (bad["url"], bad["problem"]["reason"]) == ("not a url", "url_malformed")
        assert good["open_graph"]["title"] == "A card & its picture"

    def test_a_table_has_a_row_a_url(self, origin: running.Origin) -> None:
        pages = ("card.html", "nothing.html", "missing")
        done = get("--format", "table", *(f"{origin.url}/{page}" for page in pages))
        head, *rows = (re.split(r"  +", line.strip()) for line in done.stdout.splitlines())
        assert head == ["URL", "Result", "Title", "Image"]
        assert rows == [
            [f"{origin.url}/card.html", "ok", "A card & its picture", f"{origin.url}/pictures/card.png"],
            [f"{origin.url}/nothing.html", "no_open_graph"],
            [f"{origin.url}/missing", "upstream_status", "The page's response has an error status."],
        ]


class TestVerbose:
    def test_it_explains_each_result_on_stderr(self, origin: running.Origin) -> None:
        urls = [f"{origin.url}/{page}" for page in ("card.html", "nothing.html", "missing")]
        done = get("-v", "--format", "ndjson", *urls)
        assert done.stdout == get("--format", "ndjson", *urls).stdout
        assert done.returncode == 4
        lines = [line.rstrip().split("  ", 1) for line in done.stderr.splitlines()]
        explained = [(name, text.strip()) for name, text in (line for line in lines if len(line) == 2)]
        assert [text for name, text in explained if name == "url"] == urls
        assert [text for name, text in explained if name == "outcome"] == ["ok", "no_open_graph", "upstream_error"]
        assert ("parser", "fast") in explained
        assert ("content", "text/html, is_html true, charset utf-8, charset_source meta") in explained
        assert ("instead", "title No Open Graph here") in explained
        warnings = [text for name, text in explained if name == "warnings"]
        assert (
            "url_relative, This address is relative; most programs require an absolute one., properties og:url og:image"
            in warnings
        )
        _, nothing, missing = (text for name, text in [("why", ""), *explained] if name == "why")
        assert nothing.startswith("no_properties, ")
        assert missing.endswith("fault web, upstream_status 404")
        assert re.search(r"connect \d+\.\d ms, first_byte \d+\.\d ms", done.stderr)

    def test_it_has_redirects_and_the_final_url(self, titled: str) -> None:
        done = get("-v", f"{titled}/redirect")
        assert re.search(rf"^hops +{titled}/redirect, 302, ", done.stderr, re.MULTILINE)
        assert re.search(rf"^hops +{titled}/there, 200, ", done.stderr, re.MULTILINE)
        assert re.search(rf"^final_url +{titled}/there *$", done.stderr, re.MULTILINE)
        assert json.loads(done.stdout)["title"] == "/there"

    def test_one_page_twice_is_explained_twice(self, origin: running.Origin) -> None:
        url = f"{origin.url}/card.html"
        done = get("-v", url, url)
        assert done.returncode == 0
        assert len(json.loads(done.stdout)) == 2
        assert (
            len(re.findall("^warnings +url_relative, .*, properties og:url og:image *$", done.stderr, re.MULTILINE))
            == 2
        )

    def test_a_url_that_cannot_be_read_has_an_error_alone(self) -> None:
        done = get("-v", "nope")
        assert done.stderr == "scrap: nope: The url cannot be read as an absolute URL. (url_malformed)\n"


class TestSeveral:
    def test_an_error_is_a_line_and_the_others_go_on(self, origin: running.Origin) -> None:
        done = get("--format", "ndjson", "not a url", "http://10.0.0.1/", f"{origin.url}/card.html")
        assert done.returncode == 3  # blocked is worse than malformed
        first, second = done.stderr.splitlines()
        assert first.startswith("scrap: not a url: The url cannot be read as an absolute URL.")
        assert second.startswith("scrap: http://10.0.0.1/: The host is not on the public internet.")
        assert "A card & its picture" in done.stdout

    def test_urls_come_from_stdin(self, titled: str) -> None:
        done = get("--format", "ndjson", f"{titled}/first", "-", f"{titled}/last", stdin=f"{titled}/a\r\n\n {titled}/b")
        assert titles(done.stdout) == ["/first", "/a", "/b", "/last"]

    def test_a_line_that_is_no_text_is_an_error_of_its_own(self, titled: str) -> None:
        done = get("--format", "ndjson", "-", stdin=b"http://\xff\x00/\n" + b"x" * 200_000 + f"\n{titled}/a".encode())
        bad, long, good = map(json.loads, done.stdout.splitlines())
        assert (bad["problem"]["reason"], long["problem"]["reason"]) == ("url_malformed", "url_too_long")
        assert len(long["url"]) == 65_536
        assert good["open_graph"]["title"] == "/a"

    def test_their_order_is_kept_and_a_first_that_is_slow_holds_the_others(self, titled: str) -> None:
        command = [str(SCRAP), "get", "--format", "ndjson", f"{titled}/hold", f"{titled}/b", f"{titled}/c"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env=environment(SCRAP_DEADLINE="25"), text=True
        ) as process:
            Titled.released.set()
            assert titles(process.communicate(timeout=PATIENCE)[0]) == ["/hold", "/b", "/c"]

    @pytest.mark.parametrize(("setting", "most"), [({"SCRAP_MAX_PER_HOST": "3"}, 3), ({"SCRAP_MAX_FETCHES": "2"}, 2)])
    def test_no_more_are_fetched_at_once_than_the_limits_admit(
        self, titled: str, setting: dict[str, str], most: int
    ) -> None:
        Titled.together = threading.Barrier(most)
        pages = [f"/together/{n}" for n in range(12)]
        done = get("--format", "ndjson", "-", stdin="".join(f"{titled}{page}\n" for page in pages), **setting)
        assert (done.returncode, titles(done.stdout), Titled.most) == (0, pages, most)

    def test_a_result_is_there_before_the_next_url(self, titled: str) -> None:
        command = [str(SCRAP), "get", "--format", "ndjson", "-"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment(), text=True) as process:
            assert process.stdin
            assert process.stdout
            for page in ("/a", "/b"):
                process.stdin.write(f"{titled}{page}\n")
                process.stdin.flush()
                assert titles(process.stdout.readline()) == [page]


class TestEnds:
    def test_a_reader_that_leaves(self, titled: str) -> None:
        urls = "".join(f"{titled}/{n}\n" for n in range(300))
        done = piped("set -o pipefail; $SCRAP get --format ndjson - | head -1", stdin=urls)
        assert (titles(done.stdout), done.stderr, done.returncode) == (["/0"], "", 1)

    @pytest.mark.parametrize("arguments", ["$1/hold $1/b", "-"])
    def test_control_c(self, titled: str, arguments: str) -> None:
        terminal = shell(f"echo ready; exec $SCRAP get --format ndjson {arguments}", titled)
        terminal.expect_exact("ready")
        if arguments == "-":
            terminal.sendline(f"{titled}/typed")
            terminal.expect_exact("/typed")
            terminal.expect_exact("/typed")
        else:
            terminal.expect_exact("0/2")
        terminal.sendintr()
        rest = terminal.read()
        terminal.close()
        assert terminal.exitstatus == 130, rest
        assert not re.search("Traceback|Error|Aborted|Exception", rest)
        assert rest.count("\x1b[?25l") <= rest.count("\x1b[?25h")  # the cursor is shown again

    def test_control_c_while_the_bar_begins(self) -> None:
        code = (
            "import signal; from rich.live import Live; from scrap import cli; "
            "Live.refresh = lambda _: signal.raise_signal(signal.SIGINT); cli.main(['get', 'a', 'b'])"
        )
        terminal = shell('exec "$1" -c "$2"', sys.executable, code)
        rest = terminal.read()
        terminal.close()
        assert (terminal.exitstatus, rest.count("\x1b[?25l"), rest.count("\x1b[?25h")) == (130, 1, 1), rest

    def test_control_c_while_the_event_loop_begins(self) -> None:
        code = (
            "import asyncio, signal; from scrap import cli; run = asyncio.Runner.run; "
            "asyncio.Runner.run = lambda *given, **named: signal.raise_signal(signal.SIGINT) or run(*given, **named); "
            "cli.main(['get', 'a', 'b'])"
        )
        terminal = shell('exec "$1" -c "$2"', sys.executable, code)
        rest = terminal.read()
        terminal.close()
        assert terminal.exitstatus == 130, rest
        assert not re.search("Traceback|Error|Warning|Exception", rest)

    @pytest.mark.parametrize(
        ("command", "code", "words"),
        [
            ("$SCRAP get $1/a > /dev/full", 1, "No space left on device"),
            ("$SCRAP get --format ndjson - 0> /dev/null", 1, "Bad file descriptor"),
        ],
    )
    def test_a_stream_that_fails_is_said_in_a_line(self, titled: str, command: str, code: int, words: str) -> None:
        done = piped(command, titled)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
        assert words in done.stderr

    @pytest.mark.parametrize(("closed", "code"), [("<&-", 0), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)])
    def test_streams_that_are_closed(self, titled: str, closed: str, code: int) -> None:
        done = piped(f"$SCRAP get $1/a - {closed}", titled)
        assert (done.returncode, done.stderr) == (code, "")


class TestTerminal:
    def test_json_is_indented_and_coloured(self, origin: running.Origin) -> None:
        terminal = shell("$SCRAP get $1/card.html", origin.url).read()
        assert '  "title": "A card & its picture",\n  "type": "website",' in plain(terminal)
        assert "\x1b[32m" in terminal
        assert "\x1b[?25l" not in terminal  # one URL needs no progress bar

    def test_no_color(self, origin: running.Origin) -> None:
        terminal = shell("$SCRAP get $1/card.html", origin.url, NO_COLOR="1").read()
        assert '  "title": "A card & its picture",\r\n' in terminal
        assert "\x1b" not in terminal

    def test_a_pipe_with_force_color_is_a_terminal(self, origin: running.Origin) -> None:
        done = get(f"{origin.url}/card.html", FORCE_COLOR="1")
        assert "\x1b[32m" in done.stdout
        assert '  "title": "A card & its picture",\n' in plain(done.stdout)
        assert get(f"{origin.url}/a", "b", FORCE_COLOR="1").stderr.count("\x1b") == 0  # no bar in a log

    def test_no_color_wins_over_force_color(self, origin: running.Origin) -> None:
        assert "\x1b" not in get(f"{origin.url}/card.html", FORCE_COLOR="1", NO_COLOR="1").stdout

    def test_the_bar_counts_and_leaves_whole_results(self, titled: str) -> None:
        terminal = shell("$SCRAP get $1/hold nope $1/b", titled, SCRAP_DEADLINE="25")
        terminal.expect_exact("0/3")
        Titled.released.set()
        shown = render(terminal.read())
        assert "/3" not in shown
        report, document = [line for line in shown.splitlines() if line.startswith("scrap: ")], shown
        assert report == ["scrap: nope: The url cannot be read as an absolute URL. (url_malformed)"]
        results = json.loads("\n".join(line for line in document.splitlines() if not line.startswith("scrap: ")))
        assert [result.get("open_graph", {}).get("title") for result in results] == ["/hold", None, "/b"]

    def test_the_bar_is_on_stderr_alone(self, titled: str, tmp_path: Path) -> None:
        terminal = shell("$SCRAP get --format ndjson $1/a $1/b > $2", titled, str(tmp_path / "out"))
        assert "2/2" in plain(terminal.read())
        assert titles((tmp_path / "out").read_text()) == ["/a", "/b"]

    def test_urls_that_are_typed_have_no_bar(self, titled: str) -> None:
        terminal = shell("$SCRAP get --format ndjson -", NO_COLOR="1")
        terminal.sendline(f"{titled}/a")
        terminal.expect_exact('"title":"/a"')
        terminal.sendeof()
        assert "\x1b" not in terminal.read()

    @pytest.mark.parametrize("form", ["json", "ndjson", "table"])
    def test_neither_a_page_nor_a_url_controls_the_terminal(self, form: str) -> None:
        evil = "\x1b]0;owned\x07\x9b31m\u202eevil\u2028[bold]"

        class Hostile(running.Answer):
            def do_GET(self) -> None:
                elements = {"/": f'<meta property="og:title" content="{evil}">', "/plain": f"<title>{evil}</title>"}
                self.answer(200, f"<meta charset=utf-8>{elements[self.path]}".encode(), {"Content-Type": "text/html"})

        with running.origin(Hostile) as origin:
            command = "$SCRAP get -v --format $2 $1/ $1/plain $'no\\e]0;owned\\a\\npe'"
            terminal = shell(command, origin.url, form, NO_COLOR="1", COLUMNS="400").read()
        shown = render(terminal)
        assert not re.search("[\x07\x9b\u202e\u2028]|\x1b\\]", terminal)
        found = shown.count(r"\u001b]0;owned\u0007\u009b31m\u202eevil\u2028[bold]")
        assert found == (2 if form == "table" else 3)  # og:title, in JSON its property as well; the title, by -v
        assert r"scrap: no\u001b]0;owned\u0007 pe: The url cannot be read" in shown


class TestExamples:
    def examples(self) -> list[str]:
        """The command lines of the page and of `--help`."""
        page = (help_texts.FILE.parents[1] / "docs/cli.md").read_text()
        return re.findall(
            r"^(?:\$|   ) (scrap get .*)$", page + help_texts.shown("scrap get --help", 120), re.MULTILINE
        )

    def test_they_are_found(self) -> None:
        assert len(self.examples()) == 6

    def test_they_work(self, titled: str, tmp_path: Path) -> None:
        (tmp_path / "urls.txt").write_text(f"{titled}/a\n{titled}/b\n")
        for example in self.examples():
            line = re.sub(r"https://[a-z.]+", titled, example).replace("jq -r .open_graph.title", "cat")
            done = piped(f"cd $1; {line}", str(tmp_path), PATH=f"{SCRAP.parent}:{os.environ['PATH']}")
            assert (done.returncode, done.stderr) == (0, ""), line
            assert "/" in done.stdout


def render(terminal: str) -> str:
    """What a terminal shows at the end, of what rich writes: text, erased lines, the cursor one line up."""
    lines = [""]
    row = 0
    for part in re.split(r"(\x1b\[[0-?]*[ -/]*[@-~]|\r|\n)", terminal):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b") and part != "\r":
            lines[row] += part
    return "\n".join(lines)
