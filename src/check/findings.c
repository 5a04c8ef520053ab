/*
 * JSON is jansson's; JUnit's few elements are written here, because their only difficulty is the escaping
 * of five characters and the absence of those that XML 1.0 does not have (section 2.2).
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

#define NAME_COLUMNS 23
#define TIME_COLUMNS 6

static const char *const verdict_names[] = { "pass", "fail", "skip", "error", "not-run" };

int findings_add(struct findings *findings, const struct rule *rule, enum rule_verdict verdict,
	const char *evidence, uint64_t took_ns)
{
	struct finding *longer = reallocarray(
		findings->list, findings->count + 1, sizeof(struct finding));
	char *copy = strdup(evidence);

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
	default: return _("skip");
	}
}

void findings_print_last(const struct findings *findings, FILE *file)
{
	const struct finding *last = &findings->list[findings->count - 1];
	char time[DURATION_TEXT_SIZE];

	findings_print_padded(file, verdict_word(last->verdict), 4);
	fprintf(file, "  %*s  %-*s  %s\n", TIME_COLUMNS,
		duration_format(last->took_ns, time, sizeof(time)), NAME_COLUMNS, last->rule->name,
		last->evidence);
}

void findings_print_sum(const struct findings *findings, FILE *file)
{
	size_t not_run = findings->verdicts[RULE_ERROR] + findings->verdicts[RULE_NOT_RUN];
	char time[DURATION_TEXT_SIZE];

	duration_format(findings->took_ns, time, sizeof(time));
	if (not_run == 0)
		fprintf(file, _("%zu passed, %zu failed, %zu skipped in %s\n"),
			findings->verdicts[RULE_PASS], findings->verdicts[RULE_FAIL],
			findings->verdicts[RULE_SKIP], time);
	else
		fprintf(file, _("%zu passed, %zu failed, %zu skipped, %zu not run in %s\n"),
			findings->verdicts[RULE_PASS], findings->verdicts[RULE_FAIL],
			findings->verdicts[RULE_SKIP], not_run, time);
}

/* ---- for programs ---- */

static json_t *rule_json(const struct finding *finding)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:s, s:I}", "name", finding->rule->name, "verdict",
		verdict_names[finding->verdict], "slow", finding->slow, "promise",
		_(finding->rule->promise), "evidence", finding->evidence, "time_ns",
		(json_int_t)finding->took_ns);
}

static json_t *all_json(const struct findings *findings, const char *target, const char *address)
{
	size_t not_run = findings->verdicts[RULE_ERROR] + findings->verdicts[RULE_NOT_RUN];
	const struct rule *dead = findings->dead_since;
	json_t *rules = json_array();
	json_t *root = json_pack("{s:s, s:s?, s:o, s:I, s:I, s:I, s:I, s:s?, s:s?, s:I}", "target",
		target, "address", address, "rules", rules, "passed",
		(json_int_t)findings->verdicts[RULE_PASS], "failed",
		(json_int_t)findings->verdicts[RULE_FAIL], "skipped",
		(json_int_t)findings->verdicts[RULE_SKIP], "not_run", (json_int_t)not_run,
		"dead_since", dead != NULL ? dead->name : NULL, "error", findings->error, "time_ns",
		(json_int_t)findings->took_ns);

	for (size_t i = 0; root != NULL && i < findings->count; i++) {
		if (json_array_append_new(rules, rule_json(&findings->list[i])) < 0) {
			json_decref(root);
			return NULL;
		}
	}
	return root;
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

static void put_escaped(FILE *file, const char *text)
{
	for (const char *at = text; *at != '\0'; at++) {
		switch (*at) {
		case '&': fputs("&amp;", file); break;
		case '<': fputs("&lt;", file); break;
		case '>': fputs("&gt;", file); break;
		case '"': fputs("&quot;", file); break;
		default: fputc((unsigned char)*at < ' ' ? '?' : *at, file); break;
		}
	}
}

static void put_attribute(FILE *file, const char *name, const char *value)
{
	fprintf(file, " %s=\"", name);
	put_escaped(file, value);
	fputc('"', file);
}

static double seconds(uint64_t ns)
{
	return (double)ns / (double)CLOCK_NS_PER_S;
}

static void put_case(FILE *file, const struct finding *finding, const char *target)
{
	fputs("  <testcase", file);
	put_attribute(file, "classname", target);
	put_attribute(file, "name", finding->rule->name);
	fprintf(file, " time=\"%.6f\">", seconds(finding->took_ns));
	switch (finding->verdict) {
	case RULE_FAIL:
		fputs("<failure", file);
		put_attribute(file, "message", finding->evidence);
		fputc('>', file);
		put_escaped(file, _(finding->rule->promise));
		fputs("</failure>", file);
		break;
	case RULE_ERROR:
		fputs("<error", file);
		put_attribute(file, "message", finding->evidence);
		fputs("/>", file);
		break;
	case RULE_PASS:
		fputs("<system-out>", file);
		put_escaped(file, finding->evidence);
		fputs("</system-out>", file);
		break;
	default:
		fputs("<skipped", file);
		put_attribute(file, "message", finding->evidence);
		fputs("/>", file);
		break;
	}
	fputs("</testcase>\n", file);
}

static void put_suite(const struct findings *findings, const char *target, FILE *file)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"meari check\"", file);
	fprintf(file,
		" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\">\n",
		findings->count, findings->verdicts[RULE_FAIL], findings->verdicts[RULE_ERROR],
		findings->verdicts[RULE_SKIP] + findings->verdicts[RULE_NOT_RUN],
		seconds(findings->took_ns));
	for (size_t i = 0; i < findings->count; i++)
		put_case(file, &findings->list[i], target);
	fputs("</testsuite>\n", file);
}

int findings_write_junit(const struct findings *findings, const char *target, FILE *file)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);
	int r = -ENOMEM;

	if (memory == NULL)
		return -errno;
	put_suite(findings, target, memory);
	if (fclose(memory) == 0)
		r = put(file, text);
	free(text);
	return r;
}
