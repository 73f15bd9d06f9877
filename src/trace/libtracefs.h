// SPDX-License-Identifier: GPL-2.0-or-later
// The functions of libtracefs that are used here. The header of version 1.6, which Debian 12 has,
// is not C++: an inline function of it turns an int into an enumerator.
#pragma once

#include <sys/types.h>

#include <cstddef>

extern "C" {

struct tracefs_instance;

tracefs_instance* tracefs_instance_create(const char* name);
int tracefs_instance_destroy(tracefs_instance* instance);
void tracefs_instance_free(tracefs_instance* instance);
char* tracefs_instance_get_dir(tracefs_instance* instance);
void tracefs_put_tracing_file(char* name);
int tracefs_instance_file_write(tracefs_instance* instance, const char* file, const char* text);
int tracefs_instance_set_buffer_size(tracefs_instance* instance, std::size_t kilobytes, int cpu);
int tracefs_event_enable(tracefs_instance* instance, const char* system, const char* event);
int tracefs_trace_on(tracefs_instance* instance);
int tracefs_trace_off(tracefs_instance* instance);
char** tracefs_instances(const char* regex);
void tracefs_list_free(char** list);

}  // extern "C"
