// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The system calls that a shell cannot make on the device: each command makes one, and prints
 * what the kernel returned, a number or the name of the error.
 *
 *   poke write SIZE     one write of SIZE times 'x'
 *   poke write-bad      a write from an address that is not mapped
 *   poke write-half     a write of 16 bytes of which only the first 8 are mapped
 *   poke read-bad       a read to an address that is not mapped
 *   poke write-read     write "both ways", then read through the same open file
 *   poke rewind         read 5 bytes, replace the message through another open file, read on
 *                       to the end, go back to the start and read it all
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int open_device(void)
{
	int fd = open("/dev/qemu_exercise", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror("open");
		exit(2);
	}
	return fd;
}

static void print_result(ssize_t result)
{
	if (result < 0)
		puts(strerrorname_np(errno));
	else
		printf("%zd\n", result);
}

/* The last `mapped` bytes before an address range in which nothing is mapped. */
static char *end_of_memory(size_t mapped)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + page, page) != 0) {
		perror("mmap");
		exit(2);
	}
	memset(pages, 'x', page);
	return pages + page - mapped;
}

static void print_rest(int fd)
{
	char text[1024];
	ssize_t got;

	while ((got = read(fd, text, sizeof(text))) > 0)
		printf("%.*s", (int)got, text);
	puts(got < 0 ? strerrorname_np(errno) : "");
}

static void rewind_and_read(int fd)
{
	char start[6] = "";

	print_result(read(fd, start, 5));
	puts(start);
	print_result(write(open_device(), "replaced", 8));
	print_rest(fd);
	print_result(lseek(fd, 0, SEEK_SET));
	print_rest(fd);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int fd = open_device();

	if (strcmp(what, "write") == 0 && argc == 3) {
		size_t size = strtoul(argv[2], NULL, 10);
		char *text = malloc(size + 1);

		memset(text, 'x', size);
		print_result(write(fd, text, size));
		free(text);
	} else if (strcmp(what, "write-bad") == 0) {
		print_result(write(fd, end_of_memory(0), 16));
	} else if (strcmp(what, "write-half") == 0) {
		print_result(write(fd, end_of_memory(8), 16));
	} else if (strcmp(what, "read-bad") == 0) {
		print_result(read(fd, end_of_memory(0), 16));
	} else if (strcmp(what, "write-read") == 0) {
		print_result(write(fd, "both ways", 9));
		print_rest(fd);
	} else if (strcmp(what, "rewind") == 0) {
		rewind_and_read(fd);
	} else {
		fprintf(stderr, "poke: what?\n");
		return 2;
	}
	return 0;
}
