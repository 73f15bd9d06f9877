// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of a guest that does not keep to the wire's rules (src/guest/wire.h). MODE says how.
 * For kernels with built-in virtio drivers: it loads none.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

enum {
  SILENT,
  ENDS,
  POWERS_OFF,
  RUBBISH,
  TOO_LONG,
  EMPTY_FRAME,
  TRUNCATED,
  OTHER_PROTOCOL,
  NOT_CBOR,
  RUBBISH_LATER,
  SILENT_LATER,
  ENDLESS
};

static int port = -1;

static void open_port(void) {
  char path[32];

  mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
  while (port < 0) {
    for (int i = 0; i < 4 && port < 0; i++) {
      snprintf(path, sizeof(path), "/dev/vport0p%d", i);
      port = open(path, O_RDWR);
    }
    usleep(50000);
  }
}

static void put(const void* bytes, size_t size) {
  const char* at = bytes;

  while (size > 0) {
    ssize_t wrote = write(port, at, size);

    if (wrote <= 0) return;
    at += wrote;
    size -= (size_t)wrote;
  }
}

/* The length, then the payload; `size` may lie. */
static void put_frame(unsigned int size, const void* payload, size_t have) {
  unsigned char head[4] = {size & 255, size >> 8 & 255, size >> 16 & 255, size >> 24 & 255};

  put(head, sizeof(head));
  put(payload, have);
}

/* {"event": "hello", "protocol": N, "release": "6.12"} in CBOR; N below 24. */
static void put_hello(unsigned char protocol) {
  char text[64];
  int size = sprintf(text,
                     "\xa3\x65"
                     "event\x65hello\x68"
                     "protocol%c\x67release\x64"
                     "6.12",
                     protocol);

  put_frame((unsigned int)size, text, (size_t)size);
}

static void put_garbage(void) {
  char block[4096];
  unsigned int seed = 1;

  for (int n = 0; n < 256; n++) {
    for (size_t i = 0; i < sizeof(block); i++) block[i] = (char)rand_r(&seed);
    put(block, sizeof(block));
  }
}

/* A message that is well formed and says nothing, for ever. */
static void put_endlessly(void) {
  static const char kmsg[] =
      "\xa2\x65"
      "event\x64kmsg\x67records\x80";

  for (;;) put_frame(sizeof(kmsg) - 1, kmsg, sizeof(kmsg) - 1);
}

int main(void) {
  // The kernel calls it as modprobe too, before it is PID 1.
  if (getpid() != 1) return 1;
  if (MODE == ENDS) return 0;
  if (MODE == POWERS_OFF) reboot(RB_POWER_OFF);
  open_port();
  switch (MODE) {
    case RUBBISH:
      put_garbage();
      break;
    case TOO_LONG:
      put_frame(0xfffffff0u, "x", 1);
      put_garbage();
      break;
    case EMPTY_FRAME:
      put_frame(0, "", 0);
      break;
    case TRUNCATED:
      put_frame(1000,
                "\xa3\x65"
                "event",
                7);
      break;
    case OTHER_PROTOCOL:
      put_hello(7);
      break;
    case NOT_CBOR:
      put_frame(5, "hello", 5);
      break;
    case RUBBISH_LATER:
      put_hello(1);
      sleep(1);
      put_garbage();
      break;
    case SILENT_LATER:
      put_hello(1);
      break;
    case ENDLESS:
      put_hello(1);
      put_endlessly();
      break;
  }
  for (;;) pause();
}
