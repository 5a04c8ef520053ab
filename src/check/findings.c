/*
 * One list, filled in the order of trying; sums, points and JSON are made from it at the end.
 */
#include "check/findings.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/outfile.h"
#include "base/text.h"

#define NAME_COLUMNS 23
#define TIME_COLUMNS 6

static const char *const verdict_names[] = { "pass", "fail", "skip", "not-judged", "error",
	"not-run" };

/* JSON and XML have no place for bytes that are no UTF-8, as a program may write them. */
static char *copy_valid(const char *text)
{
	size_t length = strlen(text);
	char *copy = malloc(length + 1);

	for (size_t i = 0; copy != NULL && i < length;) {
		uint32_t code;
		int size = text_decode(text + i, length - i, &code);

		if (size <= 0) {
			copy[i++] = '?';
			continue;
		}
		memcpy(copy + i, text + i, (size_t)size);
		i += (size_t)size;
	}
	if (copy != NULL)
		copy[length] = '\0';
	return copy;
}

int findings_add(struct findings *findings, const struct rule *rule, enum rule_verdict verdict,
	const char *evidence, uint64_t took_ns)
{
	struct finding *longer = reallocarray(
		findings->list, findings->count + 1, sizeof(struct finding));
	char *copy = copy_valid(evidence);

	if (longer != NULL)
		findings->list = longer;
	if (longer == NULL || copy == NULL) {
		free(copy);
		return -ENOMEM;
	}
	findings->list[findings->count++] = (struct finding){
		.rule = rule,
		.verdict = verdict,
		.evidence = copy,
		.took_ns = took_ns,
	};
	findings->verdicts[verdict]++;
	findings->took_ns += took_ns;
	return 0;
}

void findings_set_cause(struct findings *findings, const struct cause_found *cause)
{
	findings->list[findings->count - 1].cause = cause;
}

static const struct finding *find(const struct findings *findings, const struct rule *rule)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->list[i].rule == rule)
			return &findings->list[i];
	}
	return NULL;
}

/* What a rule earns of its points. */
static uint64_t earned(const struct findings *findings, const struct grade_line *line)
{
	const struct finding *finding = find(findings, line->rule);

	return finding != NULL && finding->verdict == RULE_PASS ? line->points : 0;
}

uint64_t findings_score(const struct findings *findings)
{
	uint64_t score = 0;

	for (size_t i = 0; findings->grade != NULL && i < findings->grade->count; i++)
		score += earned(findings, &findings->grade->lines[i]);
	return score;
}

int findings_set_error(struct findings *findings, const char *text)
{
	if (findings->error == NULL)
		findings->error = strdup(text);
	return findings->error == NULL ? -ENOMEM : 0;
}

void findings_fini(struct findings *findings)
{
	free(findings->error);
	for (size_t i = 0; i < findings->count; i++)
		free(findings->list[i].evidence);
	free(findings->list);
	*findings = (struct findings){ 0 };
}

/* ---- for people ---- */

void findings_print_padded(FILE *file, const char *text, int columns)
{
	wchar_t wide[64];
	size_t length = mbstowcs(wide, text, sizeof(wide) / sizeof(wide[0]));
	int used = length < sizeof(wide) / sizeof(wide[0]) ? wcswidth(wide, length) : -1;

	fputs(text, file);
	for (int i = used < 0 ? (int)strlen(text) : used; i < columns; i++)
		fputc(' ', file);
}

static const char *verdict_word(enum rule_verdict verdict)
{
	switch (verdict) {
	case RULE_PASS: return _("pass");
	case RULE_FAIL: return _("FAIL");
	case RULE_NOT_JUDGED: return "-";
	default: return _("skip");
	}
}

const char *findings_evidence(
	const struct findings *findings, const struct finding *finding, char *buffer, size_t size)
{
	if (finding->verdict == RULE_NOT_JUDGED) {
		if (findings->hint >= FINDINGS_CAUSE && finding->cause != NULL)
			snprintf(buffer, size, _("not judged: it follows from %s"),
				finding->cause->cause->name);
		else if (findings->hint >= FINDINGS_SEEN && finding->cause == NULL)
			snprintf(buffer, size, _("not judged: %s"), finding->evidence);
		else
			snprintf(buffer, size, _("not judged"));
		return buffer;
	}
	return findings->hint >= FINDINGS_SEEN ? finding->evidence : "";
}

void findings_print_last(const struct findings *findings, FILE *file)
{
	const struct finding *last = &findings->list[findings->count - 1];
	const struct cause *cause = last->cause != NULL ? last->cause->cause : NULL;
	char time[DURATION_TEXT_SIZE], text[RULE_EVIDENCE_SIZE + 64];

	findings_print_padded(file, verdict_word(last->verdict), 4);
	fprintf(file, "  %*s  %-*s  %s\n", TIME_COLUMNS,
		duration_format(last->took_ns, time, sizeof(time)), NAME_COLUMNS, last->rule->name,
		findings_evidence(findings, last, text, sizeof(text)));
	if (cause == NULL || last->verdict == RULE_NOT_JUDGED)
		return;
	if (findings->hint >= FINDINGS_CAUSE)
		fprintf(file, _("      %s: %s\n"), cause->name, _(cause->means));
	if (findings->hint >= FINDINGS_READ)
		fprintf(file, _("      read: %s\n"), cause->read);
}

static void print_counts(const struct findings *findings, FILE *file)
{
	size_t not_run = findings->verdicts[RULE_ERROR] + findings->verdicts[RULE_NOT_RUN];
	size_t not_judged = findings->verdicts[RULE_NOT_JUDGED];
	char time[DURATION_TEXT_SIZE];

	duration_format(findings->took_ns, time, sizeof(time));
	if (not_judged > 0)
		fprintf(file,
			_("%zu passed, %zu failed, %zu skipped, %zu not judged, %zu not run in %s\n"),
			findings->verdicts[RULE_PASS], findings->verdicts[RULE_FAIL],
			findings->verdicts[RULE_SKIP], not_judged, not_run, time);
	else if (not_run == 0)
		fprintf(file, _("%zu passed, %zu failed, %zu skipped in %s\n"),
			findings->verdicts[RULE_PASS], findings->verdicts[RULE_FAIL],
			findings->verdicts[RULE_SKIP], time);
	else
		fprintf(file, _("%zu passed, %zu failed, %zu skipped, %zu not run in %s\n"),
			findings->verdicts[RULE_PASS], findings->verdicts[RULE_FAIL],
			findings->verdicts[RULE_SKIP], not_run, time);
}

/* Why a rule earns nothing; "" where it failed, or earns all. */
static const char *why_nothing(const struct finding *finding)
{
	if (finding == NULL)
		return _("  (not tried: 0 points)");
	switch (finding->verdict) {
	case RULE_PASS:
	case RULE_FAIL: return "";
	case RULE_SKIP: return _("  (skipped: 0 points)");
	case RULE_NOT_JUDGED: return _("  (not judged: 0 points)");
	default: return _("  (not run: 0 points)");
	}
}

static void print_score(const struct findings *findings, FILE *file)
{
	for (size_t i = 0; i < findings->grade->count; i++) {
		const struct grade_line *line = &findings->grade->lines[i];

		fprintf(file, _("%6llu of %u  %s%s\n"), (unsigned long long)earned(findings, line),
			line->points, line->rule->name, why_nothing(find(findings, line->rule)));
	}
	fprintf(file, _("score: %llu of %llu\n"), (unsigned long long)findings_score(findings),
		(unsigned long long)findings->grade->of);
}

void findings_print_sum(const struct findings *findings, FILE *file)
{
	print_counts(findings, file);
	if (findings->grade != NULL)
		print_score(findings, file);
}

/* ---- JSON ---- */

/* Everything that goes into an object goes through here, so that one test finds a lack of memory. */
static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static json_t *rule_json(const struct findings *findings, const struct finding *finding)
{
	int64_t points = findings->grade != NULL ? grade_points(findings->grade, finding->rule)
						 : -1;
	json_t *root = json_pack("{s:s, s:s, s:b, s:s, s:I}", "name", finding->rule->name,
		"verdict", verdict_names[finding->verdict], "slow", finding->slow, "promise",
		_(finding->rule->promise), "time_ns", (json_int_t)finding->took_ns);
	int r = root == NULL ? -1 : 0;

	if (findings->hint >= FINDINGS_SEEN)
		r |= set(root, "evidence", json_string(finding->evidence));
	if (findings->hint >= FINDINGS_CAUSE)
		r |= set(root, "cause",
			finding->cause != NULL ? json_string(finding->cause->cause->name)
					       : json_null());
	if (points >= 0) {
		r |= set(root, "points", json_integer(finding->verdict == RULE_PASS ? points : 0));
		r |= set(root, "of", json_integer(points));
	}
	if (r == 0)
		return root;
	json_decref(root);
	return NULL;
}

static json_t *cause_json(const struct findings *findings, const struct cause_found *found)
{
	json_t *numbers = json_object();
	json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", found->cause->name, "rule",
		found->cause->rule, "seen", found->seen, "means", _(found->cause->means), "numbers",
		numbers);

	for (int i = 0; root != NULL && i < CAUSE_MOST_FACTS && found->facts[i].name != NULL; i++)
		set(numbers, found->facts[i].name, json_integer(found->facts[i].value));
	if (root != NULL && findings->hint >= FINDINGS_READ)
		set(root, "read", json_string(found->cause->read));
	return root;
}

static int add_score(const struct findings *findings, json_t *root)
{
	int r = 0;

	if (findings->hint >= FINDINGS_CAUSE) {
		json_t *causes = json_array();

		for (size_t i = 0; i < findings->cause_count; i++)
			r |= json_array_append_new(
				causes, cause_json(findings, &findings->causes[i]));
		r |= set(root, "causes", causes);
	}
	if (findings->grade != NULL) {
		r |= set(root, "score", json_integer((json_int_t)findings_score(findings)));
		r |= set(root, "of", json_integer((json_int_t)findings->grade->of));
	}
	return r;
}

static json_t *all_json(const struct findings *findings, const char *target, const char *address)
{
	size_t not_run = findings->verdicts[RULE_ERROR] + findings->verdicts[RULE_NOT_RUN];
	const struct rule *dead = findings->dead_since;
	json_t *rules = json_array();
	json_t *root = json_pack("{s:s, s:s?, s:o, s:I, s:I, s:I, s:I, s:I, s:s?, s:s?, s:I}",
		"target", target, "address", address, "rules", rules, "passed",
		(json_int_t)findings->verdicts[RULE_PASS], "failed",
		(json_int_t)findings->verdicts[RULE_FAIL], "skipped",
		(json_int_t)findings->verdicts[RULE_SKIP], "not_judged",
		(json_int_t)findings->verdicts[RULE_NOT_JUDGED], "not_run", (json_int_t)not_run,
		"dead_since", dead != NULL ? dead->name : NULL, "error", findings->error, "time_ns",
		(json_int_t)findings->took_ns);
	int r = root == NULL ? -1 : add_score(findings, root);

	if (r == 0 && findings->through != NULL)
		r = set(root, "through", json_string(findings->through));

	for (size_t i = 0; r == 0 && i < findings->count; i++)
		r = json_array_append_new(rules, rule_json(findings, &findings->list[i]));
	if (r == 0)
		return root;
	json_decref(root);
	return NULL;
}

static int put(FILE *file, const char *text)
{
	return outfile_put(file, text, strlen(text));
}

int findings_write_json(
	const struct findings *findings, const char *target, const char *address, FILE *file)
{
	json_t *root = all_json(findings, target, address);
	char *text = root != NULL ? json_text(root, 0) : NULL;
	int r = text != NULL ? put(file, text) : -ENOMEM;

	if (r == 0)
		r = put(file, "\n");
	free(text);
	json_decref(root);
	return r;
}
