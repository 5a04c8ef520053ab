/*
 * JUnit's few elements are written here, because their only difficulty is the escaping of five characters and the
 * absence of those that XML 1.0 does not have (section 2.2).
 */
#include "check/junit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/i18n.h"

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

static void put_message(FILE *file, const struct findings *findings, const struct finding *finding)
{
	char text[RULE_EVIDENCE_SIZE + 64];

	put_attribute(file, "message", findings_evidence(findings, finding, text, sizeof(text)));
}

/* In the body of a failure: what the rule promises, and the mistake. */
static void put_body(FILE *file, const struct findings *findings, const struct finding *finding)
{
	const struct cause *cause = finding->cause != NULL ? finding->cause->cause : NULL;

	put_escaped(file, _(finding->rule->promise));
	if (cause == NULL || findings->hint < FINDINGS_CAUSE)
		return;
	fprintf(file, "\n%s: ", cause->name);
	put_escaped(file, _(cause->means));
	if (findings->hint >= FINDINGS_READ)
		fprintf(file, "\n%s", cause->read);
}

static void put_case(FILE *file, const struct findings *findings, const struct finding *finding,
	const char *target)
{
	fputs("  <testcase", file);
	put_attribute(file, "classname", target);
	put_attribute(file, "name", finding->rule->name);
	fprintf(file, " time=\"%.6f\">", seconds(finding->took_ns));
	switch (finding->verdict) {
	case RULE_FAIL:
		fputs("<failure", file);
		put_message(file, findings, finding);
		fputc('>', file);
		put_body(file, findings, finding);
		fputs("</failure>", file);
		break;
	case RULE_ERROR:
		fputs("<error", file);
		put_message(file, findings, finding);
		fputs("/>", file);
		break;
	case RULE_PASS:
		fputs("<system-out>", file);
		put_escaped(file, findings->hint >= FINDINGS_SEEN ? finding->evidence : "");
		fputs("</system-out>", file);
		break;
	default:
		fputs("<skipped", file);
		put_message(file, findings, finding);
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
		findings->verdicts[RULE_SKIP] + findings->verdicts[RULE_NOT_JUDGED] +
			findings->verdicts[RULE_NOT_RUN],
		seconds(findings->took_ns));
	if (findings->grade != NULL)
		fprintf(file,
			"  <properties><property name=\"score\" value=\"%llu\"/>"
			"<property name=\"of\" value=\"%llu\"/></properties>\n",
			(unsigned long long)findings_score(findings),
			(unsigned long long)findings->grade->of);
	for (size_t i = 0; i < findings->count; i++)
		put_case(file, findings, &findings->list[i], target);
	fputs("</testsuite>\n", file);
}

int junit_write(const struct findings *findings, const char *target, FILE *file)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);
	int r = -ENOMEM;

	if (memory == NULL)
		return -errno;
	put_suite(findings, target, memory);
	if (fclose(memory) == 0) {
		errno = 0;
		r = fputs(text, file) != EOF ? 0 : errno != 0 ? -errno : -EIO;
	}
	free(text);
	return r;
}
