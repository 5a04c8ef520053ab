/*
 * What can be done with listeners that are open, however they came to be.
 */
#include "server/listen/listener_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/call.h"

/* Only our own file: another server may have taken the path since. */
static void remove_file(struct listener *listener)
{
	struct stat status;

	if (listener->file_inode != 0 && !listener->file_theirs &&
		lstat(listener->bound.un.sun_path, &status) == 0 &&
		status.st_dev == listener->file_device && status.st_ino == listener->file_inode)
		unlink(listener->bound.un.sun_path);
	listener->file_inode = 0;
}

static void close_kept(struct listener *listener)
{
	for (unsigned i = 0; listener->kept_fds != NULL && i < listener->socket_count; i++) {
		if (listener->kept_fds[i] >= 0)
			call_close(listener->kept_fds[i]);
	}
	free(listener->kept_fds);
	listener->kept_fds = NULL;
}

void listener_list_close_one(struct listener *listener)
{
	close_kept(listener);
	for (unsigned i = 0; i < listener->fd_count; i++) {
		if (listener->fds[i] >= 0)
			call_close(listener->fds[i]);
	}
	free(listener->fds);
	remove_file(listener);
}

/* ---- for the next server ---- */

static int keep(struct listener *listener)
{
	int *fds = malloc(listener->socket_count * sizeof(int));

	if (fds == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < listener->socket_count; i++)
		fds[i] = -1;
	listener->kept_fds = fds;
	for (unsigned i = 0; i < listener->socket_count; i++) {
		fds[i] = fcntl(listener->fds[i], F_DUPFD_CLOEXEC, 0);
		if (fds[i] < 0)
			return -errno;
	}
	return 0;
}

int listener_list_keep(struct listener_list *list)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = keep(&list->listeners[i]);
	return r;
}

void listener_list_close_kept(struct listener_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		close_kept(&list->listeners[i]);
}

size_t listener_list_count_sockets(const struct listener_list *list)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += list->listeners[i].socket_count;
	return count;
}

void listener_list_claim_files(struct listener_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->listeners[i].file_theirs = false;
}

void listener_list_disown_files(struct listener_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		list->listeners[i].file_inode = 0;
}

void listener_list_remove_files(struct listener_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		remove_file(&list->listeners[i]);
}

void listener_list_close_all(struct listener_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		listener_list_close_one(&list->listeners[i]);
	free(list->listeners);
	*list = (struct listener_list){ 0 };
}

struct listener_list listener_list_echoes(const struct listener_list *list)
{
	struct listener_list echoes = *list;

	while (echoes.count > 0 && echoes.listeners[echoes.count - 1].web)
		echoes.count--;
	return echoes;
}

bool listener_list_serve(const struct listener_list *list, enum addr_scheme scheme)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->listeners[i].bound.scheme == scheme)
			return true;
	}
	return false;
}

struct listener *listener_list_append(struct listener_list *list)
{
	struct listener *longer = reallocarray(
		list->listeners, list->count + 1, sizeof(struct listener));

	if (longer == NULL)
		return NULL;
	list->listeners = longer;
	longer[list->count] = (struct listener){ 0 };
	return &longer[list->count];
}
