// SPDX-License-Identifier: GPL-2.0-or-later
// What kobox and its agent in the guest say to each other. The one header that both include.
//
// The stream (a virtio-serial port) carries frames: a length, 32 bits little-endian, then that
// many bytes of one CBOR map (RFC 8949), or the bare data that the frame before it announced.
// Neither side trusts the other's lengths.
//
//   agent → host  {"event":"hello","protocol":1,"release":"6.1.0-…","uptime_us":…}   once, first
//   host → agent  {"id":7,"op":"run","command":"…","timeout_ms":10000,"max_output":…}
//   agent → host  {"id":7,"ok":true,…} or {"id":7,"ok":false,"error":"…","errno":2}
//   agent → host  {"event":"kmsg","records":[…]}   /dev/kmsg as read, in order; all records that
//                 existed when a reply was made are sent before that reply
//   agent → host  {"event":"output","id":9,"data":…}   from a terminal that was opened as 9
//   agent → host  {"event":"modprobe","id":3,"name":"fs-erofs","params":""}   a modprobe process
//                 waits until modprobed answers it, for k_modprobe_seconds at most
//
// Operations, and what they take → give:
//   configure  watchdog_s, hung_task_s, console_level, one_cpu, serve_modules, epoch_us, seed → –
//              (0 and "" leave a setting as it is; one_cpu: the agent's children run on one
//              processor; serve_modules: the kernel's request_module() asks the host; seed:
//              random bytes that make the kernel's random numbers differ from those of a machine
//              with the same memory)
//   run        command, timeout_ms, max_output → status, signal, timed_out, stdout, stderr,
//              stdout_dropped, stderr_dropped (bytes over max_output)
//   put        path, mode, append, data_follows → –   (data_follows: the next frame is the data,
//              bare, because the guest would take long to get it out of CBOR; else there is none)
//   get        path, offset, max → data, end
//   drain      path, max → data, end   (reads without waiting, and takes away what it reads: of
//              tracefs' trace_pipe_raw, which gives a page a read; end: there is no more now)
//   rename     path, to → –
//   load       path, params, timeout_ms → signal, timed_out   (finit_module(2) in a process of
//              its own; errno on refusal; signal if the process was killed: an oops)
//   unload     name, timeout_ms → signal, timed_out           (delete_module(2), O_NONBLOCK)
//   users      name, timeout_ms, max_output → signal, timed_out, stdout   (who uses the module: in
//              stdout a line with its reference count, then one for each user that was found)
//   sections   name → sections {".text": address, …}
//   mark       – → –         (remembers what the kernel has registered)
//   others     begin → –     (what is registered between begin true and begin false is somebody
//              else's: it is remembered too)
//   modprobed  modprobe, error → –   (the answer to a modprobe event; error "": it is loaded)
//   new        – → entries ["/dev/left_behind", …]   (what is registered now and was not then)
//   terminal   command, rows, columns, term → status, signal   (when its process ends)
//   input      terminal, data → –          (no reply)
//   resize     terminal, rows, columns → – (no reply)
//   poweroff   – → –                       (no reply; the machine goes off)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kobox::wire {

inline constexpr int k_protocol = 1;
// The port's name, as the guest finds it in /sys/class/virtio-ports/*/name.
inline constexpr const char* k_port_name = "org.kobox.agent.0";
inline constexpr std::size_t k_max_frame = std::size_t{4} << 20;
inline constexpr std::size_t k_chunk = std::size_t{256} << 10;  // data of one put, get or output

// A large module under TCG takes some seconds.
inline constexpr int k_modprobe_seconds = 20;

inline std::string frame(std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string bytes;
  bytes.reserve(payload.size() + 4);
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>((size >> shift) & 0xFF);
  bytes += payload;
  return bytes;
}

// Cuts a stream into frames. A length of zero or above k_max_frame is not one of ours: from then
// on the stream is broken, for there is no way to find the next frame.
class FrameReader {
 public:
  void feed(std::string_view bytes) {
    if (!broken_) buffer_ += bytes;
  }
  // The next whole payload, or nothing yet.
  std::optional<std::string> next() {
    if (broken_ || buffer_.size() - start_ < 4) return std::nullopt;
    std::uint32_t size = 0;
    for (unsigned i = 0; i < 4; ++i)
      size |= static_cast<std::uint32_t>(static_cast<unsigned char>(buffer_[start_ + i]))
              << (8 * i);
    if (size == 0 || size > k_max_frame) {
      broken_ = true;
      buffer_.clear();
      start_ = 0;
      return std::nullopt;
    }
    if (buffer_.size() - start_ - 4 < size) return std::nullopt;
    std::string payload = buffer_.substr(start_ + 4, size);
    start_ += 4 + size;
    // Not at every frame: many small ones may stand in one large buffer.
    if (start_ == buffer_.size() || start_ > (std::size_t{1} << 20)) {
      buffer_.erase(0, start_);
      start_ = 0;
    }
    return payload;
  }
  bool broken() const { return broken_; }
  // The bytes of an unfinished frame.
  std::string_view pending() const { return std::string_view(buffer_).substr(start_); }

 private:
  std::string buffer_;
  std::size_t start_ = 0;
  bool broken_ = false;
};

}  // namespace kobox::wire
