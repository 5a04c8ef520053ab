/*
 * One after the other: all files, the verdict, the page, the text.
 */
#include "cli/expect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/i18n.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/outfile.h"
#include "base/quote.h"
#include "report/fleet/fleet.h"
#include "report/fleet/fleet_files.h"
#include "report/fleet/fleet_json.h"
#include "report/fleet/fleet_text.h"
#include "report/html.h"
#include "report/terminal.h"
#include "report/terminal_demands.h"

struct findings {
	const struct expect_options *options;
	struct fleet fleet;
	struct difference differences[DIFFERENCE_MOST];
	int difference_count;
};

/* In what the ranks that count differ. */
static int find_differences(struct findings *findings)
{
	const struct fleet *fleet = &findings->fleet;
	CLEANUP_FREE const struct model **runs = calloc(
		fleet->counted > 0 ? fleet->counted : 1, sizeof(*runs));
	int r = 0;

	if (runs == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < fleet->counted; i++)
		runs[i] = &fleet->members[i].run;
	if (fleet->counted > 1)
		r = difference_find(runs, fleet->counted, findings->differences);
	if (r < 0)
		return r;
	findings->difference_count = r;
	return 0;
}

static int gather(struct findings *findings)
{
	const struct expect_options *options = findings->options;
	struct fleet *fleet = &findings->fleet;
	int r = 0;

	fleet_init(fleet, options->ranks);
	for (size_t i = 0; r == 0 && i < options->path_count; i++)
		r = fleet_files_read(fleet, options->paths[i]);
	if (r == 0)
		r = fleet_settle(fleet);
	if (r == 0 && options->label != NULL && fleet->chosen != FLEET_NONE)
		r = model_set_text(&fleet->groups[fleet->chosen].merged.label, options->label);
	return r < 0 ? r : find_differences(findings);
}

static int write_json(const struct findings *findings)
{
	json_t *object;
	int r = fleet_json(
		&findings->fleet, findings->differences, findings->difference_count, true, &object);

	if (r < 0)
		return r;
	json_text_write(object, JSON_COMPACT | JSON_REAL_PRECISION(12), stdout);
	putchar('\n');
	json_decref(object);
	return 0;
}

static void print_demands(const struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->counted; i++) {
		const struct fleet_member *member = &fleet->members[i];
		const struct model_assert *asserts = member->run.asserts.items;

		for (size_t k = 0; k < member->run.asserts.count; k++) {
			if (asserts[k].holds)
				continue;
			printf(_("rank %llu: "), (unsigned long long)member->run.fleet.rank.count);
			terminal_demands_print(&asserts[k], member->run.trust.doubted, stdout);
		}
	}
}

static int write_text(const struct findings *findings)
{
	const struct fleet *fleet = &findings->fleet;
	const struct model *merged = fleet_merged(fleet);
	struct winsize window = { 0 };
	unsigned width = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0
		? window.ws_col
		: 0;
	int r = 0;

	if (merged != NULL)
		r = terminal_merged(merged, fleet->counted, width, stdout);
	if (r == 0)
		r = fleet_text_ranks(fleet, width, stdout);
	print_demands(fleet);
	fleet_text_notes(fleet, stdout);
	terminal_differences(findings->differences, findings->difference_count, stdout);
	return r;
}

static int write_page(const struct findings *findings, FILE *out)
{
	struct html_page page = {
		.merged = fleet_merged(&findings->fleet),
		.runs = fleet_merged(&findings->fleet),
		.run_count = 1,
		.differences = findings->differences,
		.difference_count = findings->difference_count,
	};
	int r = fleet_json(&findings->fleet, NULL, 0, false, &page.fleet);

	if (r < 0)
		return r;
	r = html_write(&page, out);
	json_decref(page.fleet);
	return r;
}

static int write_html(const struct findings *findings)
{
	const char *path = findings->options->html;
	struct outfile *file;
	char name[256];
	int r;

	quote_bytes(path, strlen(path), name, sizeof(name));
	if (fleet_merged(&findings->fleet) == NULL) {
		log_error(_("cannot write '%s': there is no result to be shown"), name);
		return -ENODATA;
	}
	r = outfile_open(path, &file);
	if (r == 0)
		r = outfile_commit(file, write_page(findings, outfile_stream(file)));
	if (r < 0)
		log_error(_("cannot write '%s': %s"), name, strerror(-r));
	return r;
}

static enum cli_status print_findings(const struct findings *findings)
{
	const struct expect_options *options = findings->options;
	bool has_page = options->html != NULL && fleet_merged(&findings->fleet) != NULL;
	int r = 0;

	/* A page of nothing cannot be; that no rank is there is the verdict all the same. */
	if (options->html != NULL && write_html(findings) < 0 && has_page)
		return CLI_FAILED;
	if (options->json)
		r = write_json(findings);
	else if (options->html == NULL || strcmp(options->html, "-") != 0)
		r = write_text(findings);
	if (r < 0) {
		log_error(_("cannot write the result: %s"), strerror(-r));
		return CLI_FAILED;
	}
	return fleet_is_complete(&findings->fleet) ? CLI_OK : CLI_UNMET;
}

enum cli_status expect_report(const struct expect_options *options)
{
	struct findings findings = { .options = options };
	enum cli_status status = CLI_FAILED;
	int r = gather(&findings);

	if (r < 0)
		log_error(_("cannot merge the results: %s"), strerror(-r));
	else
		status = print_findings(&findings);
	fleet_fini(&findings.fleet);
	return status;
}
