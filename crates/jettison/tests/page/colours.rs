//! Colours that people can tell apart: the contrast of WCAG 2.2, computed from the page's own style.

use std::collections::BTreeMap;

use super::world::world;

/// Light and dark of each colour that the style names.
fn palette() -> BTreeMap<String, [String; 2]> {
    let page = jettison::output::page(&world(3).audit()).unwrap();
    let colours = page.lines().filter_map(|line| {
        let (name, pair) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
        let (light, dark) = pair.strip_suffix(");")?.split_once(", ")?;
        Some((name.to_owned(), [light.to_owned(), dark.to_owned()]))
    });
    colours.collect()
}

/// Relative luminance, <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn contrast_is_what_the_standard_says() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#777777", "#ffffff") - 4.478).abs() < 1e-3);
}

#[test]
fn text_and_graphics_stand_out_in_light_and_dark() {
    let palette = palette();
    assert!(palette.len() >= 13, "{palette:?}");
    let text = ["ink", "faint", "accent", "warning", "error"].map(|name| (name, 4.5));
    let graphics = ["edge", "series-1", "series-2", "series-3", "series-4"].map(|name| (name, 3.0));
    for (name, enough) in text.into_iter().chain(graphics) {
        for ground in ["ground", "panel"] {
            for theme in [0, 1] {
                let found = contrast(&palette[name][theme], &palette[ground][theme]);
                assert!(found >= enough, "{name} on {ground}, theme {theme}: {found:.2}");
            }
        }
    }
}

/// The two that stand against each other in a bar differ in lightness, not in hue alone.
#[test]
fn stacked_colours_differ_without_their_hue() {
    let palette = palette();
    for theme in [0, 1] {
        let found = contrast(&palette["series-1"][theme], &palette["series-2"][theme]);
        assert!(found >= 1.35, "theme {theme}: {found:.2}");
    }
}
