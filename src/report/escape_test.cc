// SPDX-License-Identifier: GPL-2.0-or-later
#include "report/escape.h"

#include <gtest/gtest.h>

namespace kobox {
namespace {

TEST(Escape, HtmlCannotEndAnElementOrAnAttribute) {
  EXPECT_EQ(html_text("</pre><script>\"'&"), "&#60;/pre&#62;&#60;script&#62;&#34;&#39;&#38;");
  EXPECT_EQ(html_text("a\x1b[2J\xff\n\tb"), "a\\x1b[2J\\xff\n\tb");
}

TEST(Escape, MarkdownIsNoMarkup) {
  EXPECT_EQ(markdown_text("a | `b` *c* _d_ [e](f) <g>"),
            "a &#124; &#96;b&#96; &#42;c&#42; &#95;d&#95; &#91;e&#93;(f) &#60;g&#62;");
  EXPECT_EQ(markdown_text("one\n# two"), "one &#35;&#8203; two");
}

TEST(Escape, MarkdownNotifiesAndLinksNobody) {
  EXPECT_EQ(markdown_text("@torvalds"), "&#64;&#8203;torvalds");
  EXPECT_EQ(markdown_text("fixes #1"), "fixes &#35;&#8203;1");
  EXPECT_EQ(markdown_text("https://x.org www.x.org"), "https:&#8203;//x.org www&#8203;.x.org");
}

TEST(Escape, CodeKeepsItsCharacters) {
  EXPECT_EQ(markdown_code("a@b `|</code>"), "<code>a&#64;b &#96;&#124;&#60;/code&#62;</code>");
}

}  // namespace
}  // namespace kobox
