//! HTML that text of others cannot break out of: markup is written by [`Markup::raw`], which takes nothing that was
//! put together while the program ran, and everything else by [`Markup::text`], which escapes it.

use super::super::text::plain;

/// A piece of a page.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Markup that stands in this program's source.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text between tags or within a quoted attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in plain(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                _ => self.0.push(character),
            }
        }
        self
    }

    /// A name of others: how it reads from right to left is nothing to what stands beside it.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        self.raw("<bdi>").text(name).raw("</bdi>")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut markup = Markup::default();
        markup
            .raw("<p title=\"")
            .text("a\" onload='x")
            .raw("\">")
            .name("</bdi><b>&amp;\u{202e}\n");
        assert_eq!(
            markup.as_str(),
            "<p title=\"a&quot; onload=&#39;x\"><bdi>&lt;/bdi&gt;&lt;b&gt;&amp;amp;\\u{202e}\\n</bdi>"
        );
    }
}
