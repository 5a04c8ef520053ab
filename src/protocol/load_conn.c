/*
 * Messages of one connection: their sizes, when they leave, and what became of them.
 */
#include "protocol/load_conn.h"

/* A pseudo-random number, always the same for the same x: splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint32_t load_conn_mixed_size(
	const struct load *load, const struct load_conn *conn, uint64_t message)
{
	const struct load_size *size = load->options.sizes;

	/* Only the times of a message under way are kept: its size is computed again. */
	uint64_t which = mix(mix((uint64_t)conn->start << 32 ^ conn->life) + message) %
		load->total_weight;

	while (which >= size->weight) {
		which -= size->weight;
		size++;
	}
	return size->bytes;
}

uint64_t load_conn_take_waiting(struct load *load, struct load_conn *conn)
{
	uint32_t which = conn->first_waiting;
	struct load_conn_waiting *waiting = &load->waiting[which];

	conn->first_waiting = waiting->next;
	waiting->next = load->first_free_waiting;
	load->first_free_waiting = which;
	load->waiting_count--;
	return waiting->intended_ns;
}

void load_conn_begin(struct load *load, struct load_conn *conn, uint64_t now_ns,
	struct load_conn_message *ret_message)
{
	struct load_conn_message message = { .intended_ns = now_ns, .sent_ns = now_ns };
	struct load_record_counts *counts = &load->record->counts;

	if (load_conn_is_offered(load))
		message.intended_ns = load_conn_take_waiting(load, conn);
	else if (conn->first_intended_ns != 0)
		message.intended_ns = conn->first_intended_ns;
	conn->first_intended_ns = 0;
	conn->sent_messages++;
	conn->under_way++;
	load->under_way++;
	message.counts = load_conn_in_window(load, load_conn_moment(load, &message));
	if (message.counts) {
		counts->sent++;
		counts->offered += !load_conn_is_offered(load);
	}
	*ret_message = message;
}

static void no_longer_under_way(struct load *load, struct load_conn *conn,
	const struct load_conn_message *message, uint64_t now_ns)
{
	conn->under_way--;
	load->under_way--;
	if (load_conn_has_begun(load, now_ns) && message->sent_ns < load->until_ns)
		conn->asked = true;
}

void load_conn_heard(struct load *load, struct load_conn *conn, uint64_t now_ns)
{
	conn->heard_ns = now_ns;
	conn->lost_in_a_row = 0;
	if (load_conn_in_window(load, now_ns))
		conn->answered = true;
}

void load_conn_came_back(struct load *load, struct load_conn *conn,
	const struct load_conn_message *message, uint64_t now_ns, bool damaged)
{
	struct load_record *record = load->record;

	no_longer_under_way(load, conn, message, now_ns);
	if (!damaged && load_conn_in_window(load, now_ns))
		record->counts.completed++;
	if (!message->counts)
		return;
	conn->answered = true;
	if (damaged) {
		record->counts.damaged++;
		load_gone_add(&load->lost, message->intended_ns, message->sent_ns, 1);
		return;
	}
	record->counts.received++;
	histogram_record(record->sent, now_ns - message->sent_ns);
	if (load->options.open_loop)
		histogram_record(record->intended, now_ns - message->intended_ns);
}

/*
 * A closed loop waits for its messages: a message that it waited for in the window belongs there.
 */
static bool is_waited_for(
	const struct load *load, const struct load_conn_message *message, uint64_t now_ns)
{
	return !load->options.open_loop && load_conn_has_begun(load, now_ns) &&
		message->sent_ns < load->from_ns;
}

void load_conn_gone(struct load *load, struct load_conn *conn,
	const struct load_conn_message *message, bool timed_out)
{
	struct load_record *record = load->record;
	uint64_t now_ns = load->options.clock();

	no_longer_under_way(load, conn, message, now_ns);
	conn->lost_in_a_row += message->sent_ns >= conn->heard_ns;
	if (!message->counts && is_waited_for(load, message, now_ns)) {
		record->counts.offered++;
		record->counts.sent++;
	} else if (!message->counts) {
		return;
	}
	record->counts.lost++;
	if (!timed_out) {
		load_gone_add(&load->lost, message->intended_ns, message->sent_ns, 1);
		return;
	}
	histogram_record(record->sent, now_ns - message->sent_ns);
	if (load->options.open_loop)
		histogram_record(record->intended, now_ns - message->intended_ns);
}

void load_conn_note_damage(
	struct load *load, const struct load_conn *conn, const struct load_record_damage *damage)
{
	if (load->record->damage.found)
		return;
	load->record->damage = *damage;
	load->record->damage.found = true;
	load->record->damage.connection = load->options.first_number + load_conn_index(load, conn);
}
