//! Writes outlines as a standalone SVG document. Called by [`super::draw`]; does not depend on maps.

use std::fmt::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::level::Levelling;
use super::{Region, Style};

/// Dashes and the gaps between them, in stroke widths.
const DASH: f64 = 4.0;
const GAP: f64 = 3.0;

/// A picture to embed under the outlines.
pub(super) struct Backdrop {
    /// A JPEG file.
    pub(super) jpeg: Vec<u8>,
    /// The size of the original picture, which may be larger than that of the file.
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The regions as one path each, in their order.
pub(super) fn paths(regions: &[Region], style: &Style) -> String {
    let mut svg = String::new();
    for region in regions {
        // Writing to a string cannot fail.
        let _ = write_path(&mut svg, region, style);
    }
    svg
}

/// The document: the paths, over a levelled picture if there is one.
pub(super) fn document(
    paths: &str,
    levelling: &Levelling,
    style: &Style,
    backdrop: Option<&Backdrop>,
) -> String {
    let picture = backdrop.map(|backdrop| image(backdrop, levelling)).unwrap_or_default();
    let Levelling { width, height, .. } = levelling;
    let group = group(style);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n{picture}{group}\n{paths}</g>\n</svg>\n"
    )
}

fn image(backdrop: &Backdrop, levelling: &Levelling) -> String {
    let Backdrop { jpeg, width, height } = backdrop;
    let numbers = levelling.transform.map(|number| format!("{number:.6}")).join(" ");
    let data = BASE64_STANDARD.encode(jpeg);
    format!(
        "<image width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" transform=\"matrix({numbers})\" \
         href=\"data:image/jpeg;base64,{data}\"/>\n"
    )
}

fn group(style: &Style) -> String {
    let Style { fill_opacity, stroke_width, is_dashed, .. } = style;
    let dashes = if *is_dashed && *stroke_width > 0.0 {
        format!(" stroke-dasharray=\"{} {}\"", stroke_width * DASH, stroke_width * GAP)
    } else {
        String::new()
    };
    format!(
        "<g fill-opacity=\"{fill_opacity}\" stroke-width=\"{stroke_width}\" \
         stroke-linejoin=\"round\"{dashes}>"
    )
}

fn write_path(svg: &mut String, region: &Region, style: &Style) -> fmt::Result {
    let Region { label, color, polygons, .. } = region;
    let stroke = if style.stroke_width > 0.0 { color } else { "none" };
    write!(
        svg,
        "<path id=\"region-{label}\" data-label=\"{label}\" fill=\"{color}\" stroke=\"{stroke}\" \
         fill-rule=\"evenodd\" d=\""
    )?;
    for polygon in polygons {
        for (index, point) in polygon.iter().enumerate() {
            let command = match index {
                0 => "M",
                1 => "L",
                _ => " ",
            };
            write!(svg, "{command}{} {}", point.x, point.y)?;
        }
        svg.push('Z');
    }
    writeln!(svg, "\"><title>Region {label}</title></path>")
}
