/*
 * Lines are cut by hand, because a file comes from anywhere: each is copied into a buffer of its own and cut there.
 */
#include "check/grade.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/number.h"
#include "check/rules.h"

#define BLANKS " \t\r\v\f"
#define LINE_SIZE 256

static int fail(struct grade_fault *fault, const char *why)
{
	fault->why = why;
	return -EINVAL;
}

static int fail_name(struct grade_fault *fault, const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0' && i < sizeof(fault->name) - 1; i++)
		fault->name[i] = name[i] > ' ' && name[i] < 0x7f ? name[i] : '?';
	fault->name[i] = '\0';
	return fail(fault, _("no rule has this name"));
}

/* One line, as a string that may be changed. */
static int parse_line(char *line, struct grade *grade, struct grade_fault *fault)
{
	char *name, *points, *rest;
	const struct rule *rule;
	uint64_t number;

	line[strcspn(line, "#")] = '\0';
	name = strtok_r(line, BLANKS, &rest);
	if (name == NULL)
		return 0;
	points = strtok_r(NULL, BLANKS, &rest);
	rule = rules_find(name);
	if (rule == NULL)
		return fail_name(fault, name);
	if (points == NULL || strtok_r(NULL, BLANKS, &rest) != NULL)
		return fail(fault, _("a line is a rule and its points: 'exact 2'"));
	if (number_parse(points, 0, GRADE_MOST_POINTS, &number) < 0)
		return fail(fault, _("points are a whole number from 0 to 1000000"));
	if (grade_points(grade, rule) >= 0)
		return fail(fault, _("this rule has been given points before"));
	if (grade->count == GRADE_MOST_LINES)
		return fail(fault, _("there are too many rules"));
	grade->lines[grade->count++] = (struct grade_line){ rule, (uint32_t)number };
	grade->of += number;
	return 0;
}

int grade_parse(
	const char *text, size_t length, struct grade *ret_grade, struct grade_fault *reterr_fault)
{
	const char *end = text + length;
	struct grade grade = { 0 };
	unsigned number = 0;

	*reterr_fault = (struct grade_fault){ 0 };
	while (text < end) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		size_t size = (size_t)((next != NULL ? next : end) - text);
		char line[LINE_SIZE];
		int r;

		reterr_fault->line = ++number;
		if (size >= sizeof(line))
			return fail(reterr_fault, _("the line is too long"));
		if (memchr(text, '\0', size) != NULL)
			return fail(reterr_fault, _("there is a NUL byte in the line"));
		memcpy(line, text, size);
		line[size] = '\0';
		r = parse_line(line, &grade, reterr_fault);
		if (r < 0)
			return r;
		text += size + (next != NULL);
	}
	reterr_fault->line = 0;
	if (grade.of == 0)
		return fail(reterr_fault, _("no rule earns a point"));
	*ret_grade = grade;
	return 0;
}

int grade_load(const char *path, struct grade *ret_grade, struct grade_fault *reterr_fault)
{
	CLEANUP_FREE char *text = malloc(GRADE_MOST_BYTES + 1);
	FILE *file = fopen(path, "re");
	size_t length;
	int error = errno;

	*reterr_fault = (struct grade_fault){ 0 };
	if (file == NULL)
		return -error;
	if (text == NULL) {
		fclose(file);
		return -ENOMEM;
	}
	errno = EIO;
	length = fread(text, 1, GRADE_MOST_BYTES + 1, file);
	error = ferror(file) ? errno : length > GRADE_MOST_BYTES ? EFBIG : 0;
	fclose(file);
	return error > 0 ? -error : grade_parse(text, length, ret_grade, reterr_fault);
}

int64_t grade_points(const struct grade *grade, const struct rule *rule)
{
	for (size_t i = 0; i < grade->count; i++) {
		if (grade->lines[i].rule == rule)
			return grade->lines[i].points;
	}
	return -1;
}
