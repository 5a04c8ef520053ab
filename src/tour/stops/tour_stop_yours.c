/*
 * Stop 9: a server of one's own, with five holes. What it does is in tour_exercise.c.
 */
#include "tour/stops/tour_table.h"

static const struct tour_step steps[] = {
	{ SERVER(WRITE), .claims = { AT_LEAST(0), AT_MOST(1) },
		.idea = { "server.c가 지금 폴더에 있습니다. 다섯 곳, (1)부터 (5)까지를 고치는 것이\n"
			  "과제입니다. 이미 있던 파일은 바꾸지 않습니다(결과 1).",
			"server.c is in the current folder. Your task: mend its five places, (1) to (5).\n"
			"A file that was there already stays as it is (result 1)." } },
	{ SERVER(BUILD), .claims = { AT_LEAST(0), AT_MOST(127) },
		.idea = { "결과 0이면 컴파일되었습니다. 1이면 cc -Wall server.c로 오류를 보십시오.\n"
			  "127이면 cc가 없습니다(예: apt install gcc).",
			"0: it was compiled. 1: see the errors with cc -Wall server.c.\n"
			"127: there is no cc (try: apt install gcc)." } },
	{ SERVER(GRADE), .claims = { AT_MOST(5) },
		.idea = { "규칙마다 서버를 새로 시작해 보았습니다. [x]는 지켜진 규칙입니다.\n"
			  "편집기로 고친 뒤 b를 두 번 누르고 Enter를 두 번 누르면 다시 확인합니다.\n"
			  "같은 일을 더 자세히 하는 명령: meari check",
			"The server was started anew for each rule; [x] is one that holds.\n"
			"Mend it in an editor, press b twice and Enter twice, and look again.\n"
			"A command that does this thoroughly: meari check" } },
};

const struct tour_stop tour_stop_yours = {
	.name = "yours",
	.title = { "내 차례", "Your turn" },
	.intro = { "이제 직접 만듭니다. Enter를 누르면 지금 폴더에 server.c를 만들고(있으면 그대로\n"
		   "둡니다), 컴파일하고, 다섯 규칙을 확인합니다. 힌트는 지나온 정거장에 있습니다:\n"
		   "(1) 1번, (2) 8번, (3) 4번, (4) 3번, (5) 7번.",
		"Now you write one. Enter makes server.c in the current folder (a file that is\n"
		"there stays as it is), compiles it, and holds it to five rules. Answers:\n"
		"(1) at stop 1, (2) at 8, (3) at 4, (4) at 3, (5) at 7." },
	.steps = steps,
	.count = TOUR_COUNT(steps),
};
