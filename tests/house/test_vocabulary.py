"""One word, one meaning: words that the glossaries replace must not come back, in English and in Korean."""

import functools
import re

import pytest

from house import ROOT, project_files

HANGUL = re.compile("[가-힣]")

# What it stands for, and the word of the glossary.
ENGLISH = {
    r"whoever|somebody|everybody|nobody(?!')": "name the peer, client, connection, process or user",
    r"knock(s|ed|ing)?": "connect, or a connection that waits",
    r"heir|heirs": "successor",
    r"parted": "peer_gone",
    r"chronicle": "conn_log",
    r"doom(ed)?": "rule_state",
    r"deed|deeds": "fault event",
    r"parcel|parcels": "message_batch",
    r"deaf": "discards_input",
    r"stranger|strangers": "foreign_user",
    r"honest latency": "latency from the intended time",
}
# The account of that name, and lines that talk about the word itself.
ALLOWED = re.compile(r"user=?.{0,3}nobody|'nobody'|\"nobody\"|nobody:|`nobody`|nobody_|uid.*nobody|nobody.*uid"
                     # a word of the messages between servers, which older ones know
                     r"|HANDOVER_MESSAGE_FOREIGN_USER|stranger \(you belong")

# The words of the textbook and of the field; po/ko.po begins with the glossary.
KOREAN = {
    "세 방향 핸드셰이크": "3-way 핸드셰이크",
    "절반 닫|절반만 닫": "half-close",
    "동사": "명령",
    "메아리칩": "에코 서비스를 시작했습니다",
    "메아리 (쪽|서버|프로토콜|서비스|시간|반복)|메아리가": "에코 (메아리는 프로그램의 이름)",
    "고장": "장애",
    "쌍점": "콜론",
    "빗금": "슬래시",
    "줄표": "하이픈",
    "빈칸": "공백",
    "글이 와야|글이 아닙|글이 %d|글자로 쓴 주소|숫자로 쓴 주소": "문자열, 바이너리",
    "정직한": "왜곡 없는 지연 시간(예정 시각 기준)",
    "조용한 연결|조용하다고": "유휴(idle) 연결",
    "거절": "거부",
    "비교하지 않음|비교함": "검증",
    "알아들을 수 없는": "이해할 수 없는",
    "값이 0인 바이트": "널(NUL) 바이트",
    "기다리는 소켓": "대기 소켓",
    "막힘 없이|멈춤 없이": "논블로킹으로",
    "대화(를|가|는) (끝|끊|강제로|시작|시간)": "연결을 종료, 통신을 시작",
    "지킴|어김": "충족, 위반",
    "처리량이 (0|너무)|최고 처리량": "전송률",
    "잃음": "손실",
    "남의 것": "관계없는 응답",
    "재는 (중|시간)|잰 것이": "측정",
    "소리 없이 잊": "아무 통지 없이 끊김",
    "버려진 클라이언트가 쥐|버려진 뒤": "응답 없이 방치된 클라이언트",
    "찾기가 중단": "탐색",
    "사용자가 될 수": "사용자로 전환",
    "닿는 범위": "범위(scope)",
    "경사|계단": "점증(ramp), 단계(step)",
    "입력을 청": "프롬프트를 출력",
    "이로울 때|이로웠": "효과가 있을 때만",
    "이 집의 규칙": "프로젝트 규칙",
    "인수(?!인계)": "인자",
    r"(?<!\()디스크립터": "파일 기술자(디스크립터)",
    r"(?<!주소 계열\()주소 체계": "주소 계열",
    "접두사": "프리픽스",
    "도표": "차트",
}
# Where a word means something else: the blanks of the exercises, and what is broken on purpose in the tour.
ELSEWHERE = {"빈칸": re.compile(r"^(exercises/|examples/|docs/teaching)"), "고장": re.compile(r"^src/tour/")}


def lines(paths):
    for path in paths:
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1):
            yield path, number, line


def english():
    """Prose for readers of English: comments and messages of the sources, pages, headers."""
    for path, number, line in lines(p for p in project_files() if p.suffix in (".c", ".h") and p.parts[0] == "src"):
        stripped = line.strip()
        if stripped.startswith(("*", "/*")) or "/*" in line or '"' in line:
            yield path, number, line
    yield from lines(p for p in project_files() if p.suffix == ".1" and "ko" not in p.parts)
    yield from lines(p for p in map(lambda n: type(ROOT)(n), ("README.md", "NEWS.md", "docs/architecture.md",
                                                              "docs/result.md")) if (ROOT / p).exists())


@functools.cache
def korean():
    """What is written in Korean: messages, pages, comments, the report's page, and tables of the sources."""
    found = []
    catalogue = (ROOT / "po/ko.po").read_text()
    for entry in catalogue.split("\n\n")[1:]:
        translated = re.search(r"^msgstr.*", entry, re.MULTILINE | re.DOTALL)
        if translated:
            text = translated[0].replace('"\n"', "")
            found.append(("po/ko.po", text[:60], text))
    paths = [p for p in project_files()
             if p.name.endswith(".ko.md") or "ko" in p.parts and p.suffix in (".1", ".3", ".c", ".md")
             or p.name == "words.js" or p.parts[0] == "src" and p.suffix in (".c", ".h")]
    found += [line for line in lines(paths) if HANGUL.search(line[2])]
    return found


def test_there_is_korean():
    assert len({path for path, _, _ in korean()}) > 30


@pytest.mark.parametrize("pattern", ENGLISH)
def test_english(pattern):
    word = re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    found = [f"{path}:{number}: {line.strip()[:90]}" for path, number, line in english()
             if word.search(line) and not ALLOWED.search(line)]
    assert not found, f"{ENGLISH[pattern]}:\n" + "\n".join(found)


@pytest.mark.parametrize("pattern", KOREAN)
def test_korean(pattern):
    found = [f"{path}:{number}: {line.strip()[:90]}" for path, number, line in korean()
             if re.search(pattern, line) and not (pattern in ELSEWHERE and ELSEWHERE[pattern].match(str(path)))]
    assert not found, f"{KOREAN[pattern]}:\n" + "\n".join(found)
