//! Variants of a photo: rotated, enlarged, darkened, blurred, cropped. For the tests of faces.

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use vision::Picture;

use crate::setup::{LIMITS, with_orientation};

/// The file that a camera would write if it was held as `orientation` says, 1 to 8.
pub(crate) fn stored_as(upright: &Picture, orientation: u16) -> Vec<u8> {
    let stored = turned(&pixels(upright), orientation);
    with_orientation(&jpeg(&stored), orientation)
}

/// The picture as a camera would store it if it was held as `orientation` says.
pub(crate) fn turned(upright: &RgbImage, orientation: u16) -> RgbImage {
    match orientation {
        2 => imageops::flip_horizontal(upright),
        3 => imageops::rotate180(upright),
        4 => imageops::flip_vertical(upright),
        5 => imageops::flip_horizontal(&imageops::rotate90(upright)),
        6 => imageops::rotate270(upright),
        7 => imageops::flip_horizontal(&imageops::rotate270(upright)),
        8 => imageops::rotate90(upright),
        _ => upright.clone(),
    }
}

/// The photo as a JPEG enlarged by that factor, decoded.
pub(crate) fn enlarged(photo: &Picture, times: u32) -> Picture {
    let (width, height) = (photo.width() * times, photo.height() * times);
    let large = imageops::resize(&pixels(photo), width, height, FilterType::Triangle);
    Picture::decode(&jpeg(&large), &LIMITS).unwrap()
}

/// The photo reduced to a fraction of its width and height.
pub(crate) fn reduced(photo: &Picture, divisor: u32) -> Picture {
    let (width, height) = (photo.width() / divisor, photo.height() / divisor);
    picture(imageops::resize(&pixels(photo), width, height, FilterType::Triangle))
}

pub(crate) fn blurred(photo: &Picture) -> Picture {
    picture(imageops::blur(&pixels(photo), 9.0))
}

/// The photo with every value of every channel changed.
pub(crate) fn changed(photo: &Picture, change: impl Fn(u8) -> u8) -> Picture {
    let mut pixels = pixels(photo);
    pixels.pixels_mut().for_each(|Rgb(rgb)| *rgb = rgb.map(&change));
    picture(pixels)
}

/// The photo without everything left of `column`.
pub(crate) fn right_of(photo: &Picture, column: u32) -> Picture {
    picture(imageops::crop_imm(&pixels(photo), column, 0, photo.width() - column, photo.height()).to_image())
}

/// Two photos in one picture.
pub(crate) fn side_by_side(left: &Picture, right: &Picture) -> Picture {
    let mut both = RgbImage::new(left.width() + right.width(), left.height().max(right.height()));
    imageops::replace(&mut both, &pixels(left), 0, 0);
    imageops::replace(&mut both, &pixels(right), left.width().into(), 0);
    picture(both)
}

fn pixels(picture: &Picture) -> RgbImage {
    RgbImage::from_raw(picture.width(), picture.height(), picture.pixels().to_vec()).unwrap()
}

fn picture(pixels: RgbImage) -> Picture {
    Picture::from_rgb(pixels.width(), pixels.height(), pixels.into_raw()).unwrap()
}

fn jpeg(pixels: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 95);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    let (width, height) = (u16::try_from(pixels.width()).unwrap(), u16::try_from(pixels.height()).unwrap());
    encoder.encode(pixels.as_raw(), width, height, ColorType::Rgb).unwrap();
    file
}
