//! Turning a plot into pixels, with the font that lies in this crate: the same picture on every machine.

use std::sync::{Arc, OnceLock};

use resvg::{tiny_skia, usvg};

use crate::ReportError;

/// DejaVu Sans; its licence lies beside it.
const FONT: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");
/// Pixels an inch.
const RESOLUTION: f32 = 300.0;
/// CSS pixels an inch: the unit of our SVG.
const CSS_RESOLUTION: f32 = 96.0;

/// Renders an SVG of [`super::svg`] as a PNG of 300 pixels an inch.
pub fn png(svg: &str) -> Result<Vec<u8>, ReportError> {
    let draw = |error: &dyn std::fmt::Display| ReportError::Draw(error.to_string());
    let options = usvg::Options { font_family: "DejaVu Sans".to_owned(), fontdb: fonts(), ..usvg::Options::default() };
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| draw(&error))?;
    let scale = RESOLUTION / CSS_RESOLUTION;
    let size = tree.size().to_int_size().scale_by(scale).ok_or_else(|| draw(&"the plot has no size"))?;
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).ok_or_else(|| draw(&"the plot is too large"))?;
    pixels.fill(tiny_skia::Color::WHITE);
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale, scale), &mut pixels.as_mut());
    encode(&pixels).map_err(|error| draw(&error))
}

/// The background is opaque, so that premultiplied colours are plain ones.
fn encode(pixels: &tiny_skia::Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (RESOLUTION / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    let mut writer = encoder.write_header()?;
    let rgb: Vec<u8> = pixels.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    Ok(bytes)
}

fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    let load = || {
        let mut fonts = usvg::fontdb::Database::new();
        fonts.load_font_data(FONT.to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    };
    FONTS.get_or_init(load).clone()
}
