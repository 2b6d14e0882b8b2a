"""The judge: what it is asked, how its answers are read, and what happens when it does not answer."""

import base64
import http.server
import io
import json
import threading

import numpy as np
import pytest
from PIL import Image

from vsdpo_jax import generate
from vsdpo_jax.errors import UserError
from vsdpo_jax.evaluation.chartmimic import ChartMimic
from vsdpo_jax.evaluation.judge import PROMPT, EndpointJudge, LocalJudge, Verdict, open_judge, read_score
from vsdpo_jax.evaluation.types import Example, Prediction
from vsdpo_jax.generate import Answer

REFERENCE = "import matplotlib.pyplot as plt\nplt.bar(['a'], [1], color='red')\nplt.savefig('a.pdf')\n"
GRADE = "Comments:\n- Chart types: all there (20/20)\n\nScore: 85/100"


class Endpoint:
    """A local OpenAI-compatible server that gives the answers it is told to, and keeps what it was asked."""

    def __init__(self, answers):
        self.answers, self.asked, self.keys = list(answers), [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
                outer.keys.append(self.headers.get("authorization"))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, body = answer if isinstance(answer, tuple) else (200, completion(answer))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()


def completion(text):
    usage = {"prompt_tokens": 1000, "completion_tokens": 50}
    return json.dumps({"model": "judge-2", "choices": [{"message": {"content": text}}], "usage": usage})


def picture(color):
    return np.full((4, 6, 3), color, np.uint8)


def colors(request):
    """The first pixel of every picture, in the order in which they were sent."""
    parts = request["messages"][0]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    images = [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in urls]
    return [image.getpixel((0, 0)) for image in images]


def judge(endpoint, **options):
    return EndpointJudge(endpoint.url, "asked-for", pause=0.0, **options)


def test_text_first_then_the_reference_then_the_prediction(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with Endpoint([GRADE]) as endpoint:
        verdict = judge(endpoint).compare(picture((255, 0, 0)), picture((0, 0, 255)))
    path, request = endpoint.asked[0]
    assert path == "/v1/chat/completions"
    assert request["messages"][0]["content"][0] == {"type": "text", "text": PROMPT}
    assert colors(request) == [(255, 0, 0), (0, 0, 255)]
    assert (request["model"], endpoint.keys) == ("asked-for", ["Bearer secret"])
    assert (verdict.score, verdict.model, verdict.input_tokens, verdict.output_tokens) == (0.85, "judge-2", 1000, 50)


def test_passing_failures_and_answers_without_a_grade_are_asked_again():
    with Endpoint([(503, "busy"), (429, "slow down"), (200, "{]"), "I would rather not.", GRADE]) as endpoint:
        verdict = judge(endpoint).compare(picture(1), picture(2))
    assert len(endpoint.asked) == 5
    # The answer without a grade cost tokens too.
    assert (verdict.score, verdict.input_tokens) == (0.85, 2000)


def test_a_refusal_stops_the_run_and_says_why():
    with Endpoint([(401, '{"error": "no such key"}')]) as endpoint:
        with pytest.raises(UserError, match=r"refuses \(status 401\).*no such key"):
            judge(endpoint).compare(picture(1), picture(2))
    assert len(endpoint.asked) == 1


def test_no_grade_is_never_a_grade():
    with Endpoint(["nothing"]) as endpoint:
        with pytest.raises(UserError, match="no grade in 3 attempts: its answer holds no score: 'nothing'"):
            judge(endpoint, attempts=3).compare(picture(1), picture(2))


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("Score: 91/100", 0.91),
        ("Comments: good (Score: 20/20)\n**Score: 70/100**", 0.7),
        ("score: *88*", 0.88),
        ("Score: 5\nSo, Score: 42", 0.42),
        ("Score: 250/100", 1.0),
        ("91 of 100", None),
    ],
)
def test_grades_are_read_from_answers(reply, score):
    assert read_score(reply) == score


def test_cost_is_shown():
    verdicts = [{"model": "judge-2", "input_tokens": 2_000_000, "output_tokens": 100_000}] * 2
    (line,) = EndpointJudge("http://x", "m", price=(2.5, 10.0)).notes(verdicts)
    assert line == "High by judge-2: 2 grades, 4,000,000 input and 200,000 output tokens, $12.00"


def test_settings_that_do_not_go_together_are_refused():
    assert open_judge("", "", "", "") is None
    with pytest.raises(UserError, match="belong together"):
        open_judge("http://x", "", "", "")
    with pytest.raises(UserError, match="not both"):
        open_judge("http://x", "m", "folder", "")
    with pytest.raises(UserError, match="two numbers"):
        open_judge("http://x", "m", "", "cheap")


def test_high_asks_only_about_charts_that_ran_and_show_something(workshop):
    with Endpoint([GRADE]) as endpoint:
        benchmark = ChartMimic(judge_url=endpoint.url, judge_model="m")
        example = Example("bar_1", "chart", "", None, REFERENCE)
        blank = "import matplotlib.pyplot as plt\nplt.axis('off')\n"
        answers = {"good": REFERENCE, "failed": "1 / 0", "blank": blank}
        found = {
            name: benchmark.score(example, Prediction(name, "bar_1", code, is_code=True), workshop)
            for name, code in answers.items()
        }
    assert {name: score.columns["high"] for name, score in found.items()} == {"good": 0.85, "failed": 0, "blank": 0}
    assert len(endpoint.asked) == 1
    assert "High by judge-2: 1 grades" in benchmark.notes(list(found.values()))[0]


def test_a_local_judge_is_asked_again_with_another_seed(monkeypatch):
    asked = []

    class Talker:
        def __init__(self, folder):
            assert folder == "models/judge/"

        def answer(self, prompt, images, *, seed, temperature, top_p, max_tokens):
            asked.append((prompt, [image.getpixel((0, 0)) for image in images], seed))
            text = GRADE if len(asked) == 2 else "What lovely charts."
            return Answer([1] * 700, [2] * 40, [], text, True)

    monkeypatch.setattr(generate, "Talker", Talker)
    judge = LocalJudge("models/judge/")
    verdict = judge.compare(picture((255, 0, 0)), picture((0, 0, 255)))
    assert asked == [(PROMPT, [(255, 0, 0), (0, 0, 255)], seed) for seed in (0, 1)]
    # Both answers were paid for.
    assert verdict == Verdict(0.85, GRADE, "judge", 1400, 80)
    assert judge.notes([{}])[0] == "High by judge, a local model: 1 grades. Not comparable with GPT-4o's"


@pytest.mark.slow
def test_a_local_judge_that_cannot_grade_says_so():
    """The embedded model writes charts whatever it is asked: its answers hold no score, and none is made up."""
    with pytest.raises(UserError, match="tiny gave no grade in 3 attempts.*give a larger model"):
        LocalJudge("assets:tiny").compare(picture((255, 0, 0)), picture((0, 0, 255)))
