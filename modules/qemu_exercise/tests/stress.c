// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Eight writers against eight readers for two seconds: no reader may see half a message.
 *
 * Writer n writes its own letter, 100 + 20 * n times, so that a message tells by itself whether
 * it is whole: one letter, and the size that belongs to it. Every other reader takes the message
 * in pieces of 7 bytes. Ends with status 0 if every message was whole.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/qemu_exercise"
#define WORKERS 8
#define SECONDS 2
#define PIECE 7

static size_t size_of_writer(int writer)
{
	return 100 + 20 * writer;
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static int open_device(int flags)
{
	int fd = open(DEVICE, flags);

	if (fd < 0) {
		perror(DEVICE);
		exit(1);
	}
	return fd;
}

static int run_writer(int writer, time_t end)
{
	char text[256];
	size_t size = size_of_writer(writer);
	int fd = open_device(O_WRONLY);

	memset(text, 'A' + writer, size);
	do {
		if (write(fd, text, size) != (ssize_t)size) {
			perror("write");
			return 1;
		}
	} while (now() < end);
	close(fd);
	return 0;
}

static int is_whole(const char *text, size_t size)
{
	int writer = text[0] - 'A';

	if (writer < 0 || writer >= WORKERS || size != size_of_writer(writer))
		return 0;
	for (size_t i = 1; i < size; i++)
		if (text[i] != text[0])
			return 0;
	return 1;
}

static size_t read_message(int fd, char *text, size_t room, size_t piece)
{
	size_t size = 0;
	ssize_t got;

	while (size + piece <= room && (got = read(fd, text + size, piece)) > 0)
		size += got;
	return size;
}

static int run_reader(int reader, time_t end)
{
	char text[1024];
	int fd = open_device(O_RDONLY);

	do {
		size_t size = read_message(fd, text, sizeof(text), reader % 2 ? PIECE : 512);

		if (!is_whole(text, size)) {
			printf("reader %d: torn: %zu bytes: %.*s\n", reader, size, (int)size, text);
			return 1;
		}
		lseek(fd, 0, SEEK_SET);
	} while (now() < end);
	return 0;
}

int main(void)
{
	time_t end = now() + SECONDS;
	int failed = 0;
	int status;

	/* Once before, so that the readers find a message that they know. */
	if (run_writer(0, 0) != 0)
		return 1;
	for (int i = 0; i < WORKERS; i++) {
		if (fork() == 0)
			exit(run_writer(i, end));
		if (fork() == 0)
			exit(run_reader(i, end));
	}
	while (wait(&status) > 0)
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	puts(failed ? "TORN OR FAILED" : "every message was whole");
	return failed != 0;
}
