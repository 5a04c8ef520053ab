/*
 * The scripts are literal: one branch a verb with its options spelled out, so that they work where meari is
 * another version, and in any shell that loads completions by file. The kind of a value shows what it can be.
 *
 * bash splits words at "=" and ":", so that --engine=x comes in three; the script puts up with that.
 */
#include "cli/completion.h"

#include <errno.h>
#include <string.h>

#include "base/i18n.h"

/* What an address can begin with. */
#define SCHEMES "tcp:// udp:// unix: unixgram: localhost:5000"

static const char *const kind_names[] = {
	[OPTIONS_TEXT] = "text",
	[OPTIONS_NUMBER] = "number",
	[OPTIONS_SIZE] = "size",
	[OPTIONS_TIME] = "time",
	[OPTIONS_ADDRESS] = "address",
	[OPTIONS_FILE] = "file",
	[OPTIONS_USER] = "user",
	[OPTIONS_CHOICE] = "choice",
	[OPTIONS_NAME] = "name",
};

static enum options_kind kind_of(const struct options_row *row)
{
	return (enum options_kind)(row->kind & OPTIONS_KIND_MASK);
}

static bool is_shown(const struct options_row *row)
{
	return !options_is_title(row) && !(row->kind & OPTIONS_HIDDEN);
}

/* Calls `print` with each option of a verb, the standard ones too. */
static void each_option(const struct cli_verb *verb, FILE *out,
	void (*print)(const struct cli_verb *verb, const struct options_row *row, FILE *out))
{
	const struct options_row *tables[] = { verb->options->rows, cli_standard_options };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct options_row *row = tables[i]; !options_is_end(row); row++) {
			if (is_shown(row))
				print(verb, row, out);
		}
	}
}

static void print_choices(const struct options_row *row, FILE *out)
{
	for (size_t i = 0; row->choice != NULL && row->choice(i) != NULL; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", row->choice(i));
}

/* In single quotes of a shell; `also` are characters that get a backslash before them. */
static void print_quoted(const char *text, const char *also, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		else if (strchr(also, *text) != NULL)
			fputc('\\', out);
		fputc(*text, out);
	}
}

/* ---- plain ---- */

static void print_plain(const struct cli_verb *verb, const struct options_row *row, FILE *out)
{
	char letter = options_letter(row);

	fprintf(out, "%s\t%s%s\t", verb->name, row->name != NULL ? "--" : "",
		row->name != NULL ? row->name : "");
	if (letter != '\0')
		fprintf(out, "-%c", letter);
	fprintf(out, "\t%s%s\t%s\t", row->kind & OPTIONS_OPTIONAL ? "?" : "",
		row->value != NULL ? row->value : "",
		row->value != NULL ? kind_names[kind_of(row)] : "");
	print_choices(row, out);
	fputc('\n', out);
}

/* ---- bash ---- */

static void print_bash_option(const struct cli_verb *verb, const struct options_row *row, FILE *out)
{
	if (row->name != NULL)
		fprintf(out, " --%s%s", row->name,
			row->value != NULL && !(row->kind & OPTIONS_OPTIONAL) ? "=" : "");
	else
		fprintf(out, " -%c", options_letter(row));
}

static void print_bash_values(enum options_kind kind, const struct options_row *row, FILE *out)
{
	if (kind == OPTIONS_FILE)
		fputs("compopt -o filenames 2>/dev/null; "
		      "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")",
			out);
	else if (kind == OPTIONS_USER)
		fputs("COMPREPLY=($(compgen -u -- \"$cur\"))", out);
	else if (kind == OPTIONS_ADDRESS)
		fputs("COMPREPLY=($(compgen -W \"" SCHEMES "\" -- \"$cur\"))", out);
	else if (row != NULL && row->choice != NULL) {
		fputs("COMPREPLY=($(compgen -W \"", out);
		print_choices(row, out);
		fputs("\" -- \"$cur\"))", out);
	} else {
		fputs("COMPREPLY=()", out);
	}
}

static void print_bash_case(const struct cli_verb *verb, const struct options_row *row, FILE *out)
{
	char letter = options_letter(row);

	if (row->value == NULL || (row->kind & OPTIONS_OPTIONAL))
		return;
	fprintf(out, "\t\t%s:--%s", verb->name, row->name != NULL ? row->name : "");
	if (letter != '\0')
		fprintf(out, "|%s:-%c", verb->name, letter);
	fputs(") ", out);
	print_bash_values(kind_of(row), row, out);
	fputs("; return ;;\n", out);
}

static void print_verb_names(const struct cli_verb *verbs, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s ", verbs[i].name);
	fputs("help", out);
}

static void print_bash(const struct cli_verb *verbs, size_t count, FILE *out)
{
	fputs("# bash completion for meari(1); made by 'meari --completions bash'\n"
	      "_meari()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}"
	      " verb=${COMP_WORDS[1]}\n"
	      "\tif [[ $cur == = ]]; then\n\t\tcur=\n"
	      "\telif [[ $prev == = ]]; then\n\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n\tfi\n"
	      "\tif ((COMP_CWORD == 1)); then\n\t\tCOMPREPLY=($(compgen -W \"",
		out);
	print_verb_names(verbs, count, out);
	fputs(" --help --version\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $verb:$prev in\n", out);
	for (size_t i = 0; i < count; i++)
		each_option(&verbs[i], out, print_bash_case);
	fputs("\tesac\n\tlocal options=\n\tcase $verb in\n", out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t\t%s) options=\"", verbs[i].name);
		each_option(&verbs[i], out, print_bash_option);
		fputs("\" ;;\n", out);
	}
	fputs("\t\thelp) COMPREPLY=($(compgen -W \"", out);
	print_verb_names(verbs, count, out);
	fputs("\" -- \"$cur\")); return ;;\n\tesac\n"
	      "\tif [[ $cur == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
	      "\t\t[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
	      "\t\treturn\n\tfi\n\tcase $verb in\n",
		out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t\t%s) ", verbs[i].name);
		print_bash_values(verbs[i].options->argument_kind, NULL, out);
		fputs(" ;;\n", out);
	}
	fputs("\tesac\n}\ncomplete -F _meari meari\n", out);
}

/* ---- zsh ---- */

static void print_zsh_values(enum options_kind kind, const struct options_row *row, FILE *out)
{
	if (kind == OPTIONS_FILE)
		fputs("_files", out);
	else if (kind == OPTIONS_USER)
		fputs("_users", out);
	else if (kind == OPTIONS_ADDRESS)
		fputs("(tcp\\:// udp\\:// unix\\: unixgram\\: localhost\\:5000)", out);
	else if (row != NULL && row->choice != NULL) {
		fputc('(', out);
		print_choices(row, out);
		fputc(')', out);
	} else {
		fputc(' ', out);
	}
}

static void print_zsh_form(const struct options_row *row, const char *form, FILE *out)
{
	fprintf(out, "\t\t\t'*%s[", form);
	print_quoted(row->help, "[]:\\", out);
	fputc(']', out);
	if (row->value != NULL) {
		fputs(row->kind & OPTIONS_OPTIONAL ? "::" : ":", out);
		fprintf(out, "%s:", row->value);
		print_zsh_values(kind_of(row), row, out);
	}
	fputs("' \\\n", out);
}

static void print_zsh_option(const struct cli_verb *verb, const struct options_row *row, FILE *out)
{
	char form[80], letter = options_letter(row);

	if (letter != '\0') {
		snprintf(form, sizeof(form), "-%c%s", letter, row->value != NULL ? "+" : "");
		print_zsh_form(row, form, out);
	}
	if (row->name == NULL)
		return;
	snprintf(form, sizeof(form), "--%s%s", row->name,
		row->value == NULL                     ? ""
			: row->kind & OPTIONS_OPTIONAL ? "=-"
						       : "=");
	print_zsh_form(row, form, out);
}

static void print_zsh(const struct cli_verb *verbs, size_t count, FILE *out)
{
	fputs("#compdef meari\n# zsh completion for meari(1); made by 'meari --completions zsh'\n"
	      "_meari()\n{\n\tif ((CURRENT == 2)); then\n\t\tlocal -a verbs=(\n",
		out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t\t\t'%s:", verbs[i].name);
		print_quoted(verbs[i].summary, ":\\", out);
		fputs("'\n", out);
	}
	fputs("\t\t\t'help:show the options of a verb'\n\t\t)\n"
	      "\t\t_describe verb verbs\n\t\treturn\n\tfi\n\tshift words\n\t((CURRENT--))\n"
	      "\tcase $words[1] in\n",
		out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t%s)\n\t\t_arguments -s -S \\\n", verbs[i].name);
		each_option(&verbs[i], out, print_zsh_option);
		fputs("\t\t\t'*:argument:", out);
		print_zsh_values(verbs[i].options->argument_kind, NULL, out);
		fputs("'\n\t\t;;\n", out);
	}
	fputs("\thelp)\n\t\t_values verb ", out);
	print_verb_names(verbs, count, out);
	fputs("\n\t\t;;\n\tesac\n}\n_meari \"$@\"\n", out);
}

/* ---- fish ---- */

static void print_fish_values(enum options_kind kind, const struct options_row *row, FILE *out)
{
	if (kind == OPTIONS_FILE)
		fputs(" -F", out);
	else if (kind == OPTIONS_USER)
		fputs(" -xa '(__fish_complete_users)'", out);
	else if (kind == OPTIONS_ADDRESS)
		fputs(" -xa '" SCHEMES "'", out);
	else if (row != NULL && row->choice != NULL) {
		fputs(" -xa '", out);
		print_choices(row, out);
		fputc('\'', out);
	} else if (row != NULL) {
		fputs(" -x", out);
	}
}

static void print_fish_option(const struct cli_verb *verb, const struct options_row *row, FILE *out)
{
	fprintf(out, "complete -c meari -n '__fish_seen_subcommand_from %s'", verb->name);
	if (options_letter(row) != '\0')
		fprintf(out, " -s '%c'", options_letter(row));
	if (row->name != NULL)
		fprintf(out, " -l %s", row->name);
	fputs(" -d '", out);
	for (const char *c = row->help; *c != '\0'; c++)
		fprintf(out, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
	fputc('\'', out);
	if (row->value != NULL && !(row->kind & OPTIONS_OPTIONAL))
		print_fish_values(kind_of(row), row, out);
	fputc('\n', out);
}

static void print_fish(const struct cli_verb *verbs, size_t count, FILE *out)
{
	fputs("# fish completion for meari(1); made by 'meari --completions fish'\n"
	      "complete -c meari -f\n",
		out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "complete -c meari -n __fish_use_subcommand -a %s -d '%s'\n",
			verbs[i].name, verbs[i].summary);
	fputs("complete -c meari -n __fish_use_subcommand -a help\n"
	      "complete -c meari -n '__fish_seen_subcommand_from help' -a '",
		out);
	print_verb_names(verbs, count, out);
	fputs("'\n", out);
	for (size_t i = 0; i < count; i++) {
		each_option(&verbs[i], out, print_fish_option);
		fprintf(out, "complete -c meari -n '__fish_seen_subcommand_from %s'",
			verbs[i].name);
		print_fish_values(verbs[i].options->argument_kind, NULL, out);
		fputc('\n', out);
	}
}

/* ---- all ---- */

const char *completion_shell(size_t index)
{
	static const char *const shells[] = { "bash", "zsh", "fish", "plain", NULL };

	return shells[index];
}

int completion_print(const char *shell, const struct cli_verb *verbs, size_t count, FILE *out)
{
	if (strcmp(shell, "bash") == 0) {
		print_bash(verbs, count, out);
	} else if (strcmp(shell, "zsh") == 0) {
		print_zsh(verbs, count, out);
	} else if (strcmp(shell, "fish") == 0) {
		print_fish(verbs, count, out);
	} else if (strcmp(shell, "plain") == 0) {
		for (size_t i = 0; i < count; i++)
			each_option(&verbs[i], out, print_plain);
	} else {
		return -EINVAL;
	}
	return 0;
}
