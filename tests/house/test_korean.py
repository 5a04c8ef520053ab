"""The Korean pages and comments use the words of the field, and of the textbook; these are the ones that they do not use."""

import re

import pytest

from house import ROOT

# What was written once, and what is written now.
NOT_THESE = {
    "세 방향 핸드셰이크": "3-way 핸드셰이크",
    "절반 닫기": "half-close",
    "절반만 닫": "half-close",
    "동사": "명령",
    "정직한": "왜곡 없는",
    "메아리 서버": "에코 서버",
    "메아리 프로토콜": "에코 프로토콜",
    "메아리칩": "에코 서비스를 시작했습니다",
    "거절": "거부",
    "쌍점": "콜론(:)",
    "빗금": "슬래시(/)",
    "줄표": "하이픈(-)",
    "값이 0인 바이트": "널(NUL) 바이트",
    "막힘 없이": "논블로킹으로",
    "멈춤 없이": "논블로킹으로",
    "기다리는 소켓": "대기 소켓",
    "조용한 연결": "유휴 연결",
    "인수": "인자",
    "글자로 쓴 주소": "문자열 주소",
    "숫자로 쓴 주소": "바이너리 주소",
    "알아들을 수 없는": "이해할 수 없는",
    "입력을 청": "프롬프트를 출력",
    "이로울 때만": "효과가 있을 때만",
    "이 집의 규칙": "프로젝트 규칙",
}
PAGES = sorted(path.relative_to(ROOT) for pattern in (
    "docs/*.ko.md", "examples/*.ko.md", "examples/ko/*.c", "exercises/*.ko.md", "exercises/ko/*.c",
) for path in ROOT.glob(pattern))


def test_there_are_pages():
    assert len(PAGES) > 20


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_words(path):
    found = [f"{path}:{number}: '{word}' ({better})"
             for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
             for word, better in NOT_THESE.items() if re.search(word, line)]
    assert not found, "\n".join(found)
