/*
 * The scripts are literal: one branch a verb with its options spelled out, so that they work where meari is
 * another version, and in any shell that loads completions by file. The kind of a value shows what it can be.
 *
 * bash splits words at "=" and ":" (COMP_WORDBREAKS), and replaces only the last piece: --engine=ep comes in three
 * words, udp://ho, too. The script joins them again, chooses among whole words, and gives back what belongs into
 * the place of the last piece.
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
		fputs("_meari_files", out);
	else if (kind == OPTIONS_USER)
		fputs("_meari_words \"$(compgen -u)\"", out);
	else if (kind == OPTIONS_ADDRESS)
		fputs("_meari_addresses", out);
	else if (row != NULL && row->choice != NULL) {
		fputs("_meari_words '", out);
		print_choices(row, out);
		fputc('\'', out);
	} else {
		fputc(':', out);
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
	fputs(" ;;\n", out);
}

static void print_verb_names(const struct cli_verb *verbs, size_t count, FILE *out)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s ", verbs[i].name);
	fputs("help", out);
}

/* Before the part that is made from the tables; $value is what has been typed of the word, or behind its "=". */
static const char bash_head[] =
	"# bash completion for meari(1); made by 'meari --completions bash'\n"
	"\n"
	"# Offers those of the candidates that begin with $value.\n"
	"_meari_words()\n"
	"{\n"
	"\tlocal word\n"
	"\tfor word in $1; do\n"
	"\t\t[[ $word == \"$value\"* ]] || continue\n"
	"\t\tword=$before$word\n"
	"\t\tCOMPREPLY+=(\"${word#\"$kept\"}\")\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# Leaves it to readline, which knows about quotes and folders.\n"
	"_meari_files()\n"
	"{\n"
	"\tcompopt -o default 2>/dev/null\n"
	"}\n"
	"\n"
	"_meari_addresses()\n"
	"{\n"
	"\tif [[ $value == unix:[!@]* || $value == unixgram:[!@]* ]]; then\n"
	"\t\t_meari_files\n"
	"\telse\n"
	"\t\t_meari_words '" SCHEMES "'\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_meari()\n"
	"{\n"
	"\tlocal i=$COMP_CWORD verb=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]}\n"
	"\tlocal piece=$word value option before='' kept\n"
	"\twhile ((i > 2)) && [[ -n $piece || ${COMP_LINE:COMP_POINT-1:1} != ' ' ]] &&\n"
	"\t\t[[ ${COMP_WORDS[i]} =~ ^[=:]+$ || ${COMP_WORDS[i-1]} =~ ^[=:]+$ ]]; do\n"
	"\t\tword=${COMP_WORDS[--i]}$word\n"
	"\tdone\n"
	"\t[[ ! $piece =~ ^[=:]+$ ]] || piece=''\n"
	"\tkept=${word%\"$piece\"}\n"
	"\tvalue=$word option=${COMP_WORDS[i-1]}\n"
	"\tif [[ $word == --*=* ]]; then\n"
	"\t\toption=${word%%=*} value=${word#*=} before=${word%%=*}=\n"
	"\tfi\n"
	"\tCOMPREPLY=()\n";

static const char bash_tail[] =
	"\t# What goes on within the word gets no space.\n"
	"\tif [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=:/] ]]; then\n"
	"\t\tcompopt -o nospace 2>/dev/null\n"
	"\tfi\n"
	"}\n"
	"complete -F _meari meari\n";

static void print_bash(const struct cli_verb *verbs, size_t count, FILE *out)
{
	fputs(bash_head, out);
	fputs("\tif ((COMP_CWORD == 1)); then\n\t\tverb='' option=''\n\tfi\n"
	      "\tcase $verb:$option in\n\t\t:) _meari_words '",
		out);
	print_verb_names(verbs, count, out);
	fputs(" --help --version' ;;\n", out);
	for (size_t i = 0; i < count; i++)
		each_option(&verbs[i], out, print_bash_case);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "\t\t%s:*)\n\t\t\tif [[ $value == -* ]]; then\n\t\t\t\t_meari_words '",
			verbs[i].name);
		each_option(&verbs[i], out, print_bash_option);
		fputs("'\n\t\t\telse\n\t\t\t\t", out);
		print_bash_values(verbs[i].options->argument_kind, NULL, out);
		fputs("\n\t\t\tfi ;;\n", out);
	}
	fputs("\t\thelp:*) _meari_words '", out);
	print_verb_names(verbs, count, out);
	fputs("' ;;\n\tesac\n", out);
	fputs(bash_tail, out);
}

/* ---- zsh ---- */

/* Behind a candidate that goes on ("delay=") there is no space. */
static void print_zsh_choices(const struct options_row *row, FILE *out)
{
	fputc('{', out);
	for (size_t i = 0; row->choice(i) != NULL; i++) {
		const char *choice = row->choice(i);

		fprintf(out, "%scompadd %s-- %s", i > 0 ? "; " : "",
			choice[strlen(choice) - 1] == '=' ? "-S \"\" " : "", choice);
	}
	fputc('}', out);
}

static void print_zsh_values(enum options_kind kind, const struct options_row *row, FILE *out)
{
	if (kind == OPTIONS_FILE)
		fputs("_files", out);
	else if (kind == OPTIONS_USER)
		fputs("_users", out);
	else if (kind == OPTIONS_ADDRESS)
		fputs("_meari_addresses", out);
	else if (row != NULL && row->choice != NULL)
		print_zsh_choices(row, out);
	else if (row != NULL)
		fputc(' ', out); /* says what is wanted */
	else
		fputs("()", out); /* a message would keep a lone option from being inserted */
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
	fputs("#compdef meari\n# zsh completion for meari(1); made by 'meari --completions zsh'\n\n"
	      "_meari_addresses()\n{\n"
	      "\tif compset -P '(unix|unixgram):'; then\n\t\t_files\n\telse\n"
	      "\t\tcompadd -S '' -- tcp:// udp:// unix: unixgram:\n"
	      "\t\tcompadd -- localhost:5000\n\tfi\n}\n\n"
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
	fputs("\thelp)\n\t\tcompadd -- ", out);
	print_verb_names(verbs, count, out);
	/* Loaded by compinit the file is the function's body; with source(1) it is not. */
	fputs("\n\t\t;;\n\tesac\n}\n\n"
	      "if [[ $funcstack[1] == _meari ]]; then\n\t_meari \"$@\"\nelse\n"
	      "\tcompdef _meari meari\nfi\n",
		out);
}

/* ---- fish ---- */

static void print_fish_values(enum options_kind kind, const struct options_row *row, FILE *out)
{
	if (kind == OPTIONS_FILE)
		fputs(" -F", out);
	else if (kind == OPTIONS_USER)
		fputs(" -xa '(__fish_complete_users)'", out);
	else if (kind == OPTIONS_ADDRESS)
		fputs(" -xa '(__meari_addresses)'", out);
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
	fprintf(out, "complete -c meari -n '__meari_verb %s'", verb->name);
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

/* Before the part that is made from the tables. */
static const char fish_head[] =
	"# fish completion for meari(1); made by 'meari --completions fish'\n"
	"\n"
	"function __meari_verb\n"
	"    set -l words (commandline -opc)\n"
	"    test (count $words) -ge 2; and test $words[2] = $argv[1]\n"
	"end\n"
	"\n"
	"function __meari_addresses\n"
	"    set -l parts (string match -r '^(unix:|unixgram:)([^@].*)' -- (commandline -ct))\n"
	"    if test (count $parts) -eq 3\n"
	"        for file in $parts[3]*\n"
	"            test -d $file; and set file $file/\n"
	"            echo $parts[2]$file\n"
	"        end\n"
	"    else\n"
	"        string split ' ' '" SCHEMES "'\n"
	"    end\n"
	"end\n"
	"\n"
	"complete -c meari -f\n";

static void print_fish(const struct cli_verb *verbs, size_t count, FILE *out)
{
	fputs(fish_head, out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "complete -c meari -n __fish_use_subcommand -a %s -d '%s'\n",
			verbs[i].name, verbs[i].summary);
	fputs("complete -c meari -n __fish_use_subcommand -a help\n"
	      "complete -c meari -n '__meari_verb help' -a '",
		out);
	print_verb_names(verbs, count, out);
	fputs("'\n", out);
	for (size_t i = 0; i < count; i++) {
		each_option(&verbs[i], out, print_fish_option);
		fprintf(out, "complete -c meari -n '__meari_verb %s'", verbs[i].name);
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
