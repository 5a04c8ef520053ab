/*
 * The pool of pipes: what they are counted as, that a dirty one is closed, what failures cost.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/bulk_pipe.h"
#include "skipping.h"

#define SMALL_BYTES ((size_t)BULK_PIPE_LEAST_SLOTS * BULK_PIPE_SLOT_BYTES)
#define LARGE_BYTES ((size_t)BULK_PIPE_SLOTS * BULK_PIPE_SLOT_BYTES)

struct fixture {
	struct buffer_pool buffers;
	struct bulk_pipe_pool pipes;
};

static void begin(struct fixture *f, size_t cap_bytes)
{
	buffer_pool_init(&f->buffers, cap_bytes);
	bulk_pipe_pool_init(&f->pipes, &f->buffers, true);
}

static void end(struct fixture *f)
{
	assert_int_equal(f->pipes.pinned_bytes, 0);
	assert_int_equal(f->buffers.large_in_use_bytes, 0);
	bulk_pipe_pool_fini(&f->pipes);
	buffer_pool_fini(&f->buffers);
}

static void what_a_pipe_may_pin_is_counted_while_it_is_in_use(void **state)
{
	struct fixture f;

	begin(&f, 32 * LARGE_BYTES);

	struct bulk_pipe *pipe = bulk_pipe_get(&f.pipes);

	assert_non_null(pipe);
	assert_int_equal(pipe->bytes, 0);
	assert_int_equal(f.buffers.large_in_use_bytes, (size_t)pipe->slots * BULK_PIPE_SLOT_BYTES);
	bulk_pipe_ref(pipe);
	bulk_pipe_unref(pipe);
	assert_true(f.buffers.large_in_use_bytes > 0);
	bulk_pipe_unref(pipe);
	assert_int_equal(f.buffers.large_in_use_bytes, 0);
	/* It comes again. */
	assert_ptr_equal(bulk_pipe_get(&f.pipes), pipe);
	bulk_pipe_unref(pipe);
	bulk_pipe_unref(NULL);
	end(&f);
}

static void pipes_have_half_of_the_pool_at_most(void **state)
{
	struct fixture f;
	struct bulk_pipe *held[3];

	begin(&f, 4 * SMALL_BYTES + 1);
	for (unsigned i = 0; i < 2; i++) {
		held[i] = bulk_pipe_get(&f.pipes);
		assert_non_null(held[i]);
		assert_int_equal(held[i]->slots, BULK_PIPE_LEAST_SLOTS);
	}
	assert_null(bulk_pipe_get(&f.pipes));
	bulk_pipe_unref(held[0]);
	/* And none where buffers have the rest. */
	f.buffers.large_in_use_bytes += 3 * SMALL_BYTES;
	assert_null(bulk_pipe_get(&f.pipes));
	f.buffers.large_in_use_bytes -= 3 * SMALL_BYTES;
	held[0] = bulk_pipe_get(&f.pipes);
	assert_non_null(held[0]);
	bulk_pipe_unref(held[0]);
	bulk_pipe_unref(held[1]);
	end(&f);
}

static void one_that_still_holds_bytes_is_closed(void **state)
{
	struct fixture f;

	begin(&f, 32 * LARGE_BYTES);

	struct bulk_pipe *pipe = bulk_pipe_get(&f.pipes);
	int fd = pipe->out_fd;

	assert_int_equal(write(pipe->in_fd, "left", 4), 4);
	pipe->bytes = 4;
	bulk_pipe_unref(pipe);
	assert_int_equal(f.pipes.free_count, 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	end(&f);
}

static void a_few_are_kept(void **state)
{
	struct fixture f;
	struct bulk_pipe *held[8];

	begin(&f, 32 * LARGE_BYTES);
	for (unsigned i = 0; i < 8; i++) {
		held[i] = bulk_pipe_get(&f.pipes);
		assert_non_null(held[i]);
	}
	for (unsigned i = 0; i < 8; i++)
		bulk_pipe_unref(held[i]);
	assert_true(f.pipes.free_count > 0 && f.pipes.free_count < 8);
	end(&f);
}

static void without_descriptors_even_those_are_closed(void **state)
{
	struct fixture f;

	begin(&f, 32 * LARGE_BYTES);

	struct bulk_pipe *kept = bulk_pipe_get(&f.pipes), *used = bulk_pipe_get(&f.pipes);

	bulk_pipe_unref(kept);
	assert_true(bulk_pipe_pool_trim(&f.pipes));
	assert_int_equal(f.pipes.free_count, 0);
	assert_false(bulk_pipe_pool_trim(&f.pipes));
	bulk_pipe_unref(used); /* what comes back now, too */
	assert_int_equal(f.pipes.free_count, 0);
	used = bulk_pipe_get(&f.pipes);
	assert_non_null(used);
	bulk_pipe_unref(used);
	assert_int_equal(f.pipes.free_count, 1);
	end(&f);
}

static void the_last_descriptors_are_left(void **state)
{
	struct fixture f;
	struct rlimit old, low;

	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = BULK_PIPE_SPARE_DESCRIPTORS + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	begin(&f, 32 * LARGE_BYTES);
	assert_null(bulk_pipe_get(&f.pipes));
	assert_true(f.pipes.skip > 0); /* the next ones cost no call */
	end(&f);
	setrlimit(RLIMIT_NOFILE, &old);
}

static void one_that_is_off_gives_none(void **state)
{
	struct fixture f;

	buffer_pool_init(&f.buffers, 32 * LARGE_BYTES);
	bulk_pipe_pool_init(&f.pipes, &f.buffers, false);
	assert_null(bulk_pipe_get(&f.pipes));
	end(&f);
}

/* As a user who has too many pipes already (pipe(7), pipe-user-pages-soft): 0 if it went as it should. */
static int open_as_a_user_of_many(void)
{
	const struct rlimit many = { 9000, 9000 };
	int ends[2];
	uint32_t slots = 0;

	if (setrlimit(RLIMIT_NOFILE, &many) < 0 || setuid(54321) < 0)
		return 2;
	/* Each has fewer slots once that user has had enough. */
	for (unsigned i = 0; i < 4000; i++) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return 2;
		if (fcntl(ends[0], F_GETPIPE_SZ) < (int)BULK_PIPE_LEAST_SLOTS * getpagesize())
			return bulk_pipe_open(BULK_PIPE_SLOTS, ends, &slots) == -ENOSPC ? 0 : 1;
	}
	return 2;
}

static void a_user_of_many_pipes_gets_none_that_are_too_small(void **state)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("only root can become another user");
	pid = fork();
	if (pid == 0)
		_exit(open_as_a_user_of_many());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		SKIP("this system has another limit of pipes");
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_pipe_may_pin_is_counted_while_it_is_in_use),
		cmocka_unit_test(pipes_have_half_of_the_pool_at_most),
		cmocka_unit_test(one_that_still_holds_bytes_is_closed),
		cmocka_unit_test(a_few_are_kept),
		cmocka_unit_test(without_descriptors_even_those_are_closed),
		cmocka_unit_test(the_last_descriptors_are_left),
		cmocka_unit_test(one_that_is_off_gives_none),
		cmocka_unit_test(a_user_of_many_pipes_gets_none_that_are_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
