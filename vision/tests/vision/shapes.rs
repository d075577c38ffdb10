//! Shapes whose borders are known analytically, maps drawn from them, and drawings rendered to pixels.
//! For the tests of contours.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use vision::contour::{Contours, Position, SegmentationMap};

/// An area of the plane.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Everything within `radius` of a position.
    Disc { centre: Position, radius: f64 },
    /// The area between two circles.
    Ring { centre: Position, inner: f64, outer: f64 },
    /// From the upper left to the lower right corner.
    Rectangle { from: Position, to: Position },
    /// A sector: between two angles around a position, in degrees clockwise from the right, and within `radius` of it.
    Slice { centre: Position, radius: f64, degrees: [f64; 2] },
}

impl Shape {
    pub(crate) fn contains(&self, at: Position) -> bool {
        match *self {
            Self::Disc { centre, radius } => at.distance(centre) < radius,
            Self::Ring { centre, inner, outer } => (inner..outer).contains(&at.distance(centre)),
            Self::Rectangle { from, to } => (from.x..to.x).contains(&at.x) && (from.y..to.y).contains(&at.y),
            Self::Slice { centre, radius, degrees: [from, to] } => {
                let degrees = (at.y - centre.y).atan2(at.x - centre.x).to_degrees().rem_euclid(360.0);
                at.distance(centre) < radius && (from..to).contains(&degrees)
            }
        }
    }

    /// The distance in pixels from a position to the nearest point of the border.
    pub(crate) fn distance_to_border(&self, at: Position) -> f64 {
        match *self {
            Self::Disc { centre, radius } => (at.distance(centre) - radius).abs(),
            Self::Ring { centre, inner, outer } => {
                let distance = at.distance(centre);
                (distance - inner).abs().min((distance - outer).abs())
            }
            Self::Rectangle { from, to } => {
                let corners = [from, Position::new(to.x, from.y), to, Position::new(from.x, to.y)];
                let sides = (0..4).map(|side| distance_to_line(at, corners[side], corners[(side + 1) % 4]));
                sides.fold(f64::INFINITY, f64::min)
            }
            Self::Slice { centre, radius, degrees } => {
                let straight = degrees.map(|degrees| {
                    let (sine, cosine) = degrees.to_radians().sin_cos();
                    distance_to_line(
                        at,
                        centre,
                        Position::new(centre.x + radius * cosine, centre.y + radius * sine),
                    )
                });
                let arc = (at.distance(centre) - radius).abs();
                straight.into_iter().fold(arc, f64::min)
            }
        }
    }
}

/// A map in which the shapes have the labels 1, 2 and so on, by the centres of pixels.
pub(crate) fn map_of(width: u32, height: u32, shapes: &[Shape]) -> SegmentationMap {
    map(width, height, |x, y| {
        let middle = Position::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
        shapes.iter().position(|shape| shape.contains(middle)).map_or(0, |index| index as u32 + 1)
    })
}

/// A map with the label of every column and row.
pub(crate) fn map(width: u32, height: u32, label: impl Fn(u32, u32) -> u32) -> SegmentationMap {
    let labels: Vec<u32> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| label(x, y)).collect();
    SegmentationMap::from_labels(width, height, &labels).unwrap()
}

/// Maps a position in the levelled picture to the original one.
pub(crate) fn given(contours: &Contours, at: Position) -> Position {
    let [cosine, sine, _, _, right, down] = contours.transform;
    let (x, y) = (at.x - right, at.y - down);
    Position::new(cosine * x + sine * y, cosine * y - sine * x)
}

/// The drawing as a browser would render it.
pub(crate) fn render(contours: &Contours) -> Pixmap {
    let tree = Tree::from_str(&contours.svg, &Options::default()).unwrap();
    let mut pixmap = Pixmap::new(contours.width, contours.height).unwrap();
    resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
    pixmap
}

/// For each shape, how well it matches its rendered region: intersection over union.
/// The regions are rendered in their full colours. Where two meet, a pixel belongs to the one with the nearer colour.
pub(crate) fn likenesses(contours: &Contours, shapes: &[Shape]) -> Vec<f64> {
    let colours: Vec<[u8; 3]> = contours.regions.iter().map(|region| rgb(&region.color)).collect();
    let mut counts = vec![(0.0, 0.0); shapes.len()];
    for (number, pixel) in render(contours).pixels().iter().enumerate() {
        let (x, y) = (number as u32 % contours.width, number as u32 / contours.width);
        let middle = given(contours, Position::new(f64::from(x) + 0.5, f64::from(y) + 0.5));
        let colour = pixel.demultiply();
        let colour = [colour.red(), colour.green(), colour.blue()];
        let shown = (0..colours.len()).min_by_key(|&region| difference(colours[region], colour));
        let shown = shown.filter(|_| pixel.alpha() > 127);
        for (index, (shape, (common, either))) in shapes.iter().zip(&mut counts).enumerate() {
            let (is_drawn, is_meant) = (shown == Some(index), shape.contains(middle));
            *common += f64::from(u8::from(is_drawn && is_meant));
            *either += f64::from(u8::from(is_drawn || is_meant));
        }
    }
    counts.into_iter().map(|(common, either)| common / either).collect()
}

/// The three channels of `#rrggbb`.
pub(crate) fn rgb(colour: &str) -> [u8; 3] {
    let [_, red, green, blue] = u32::from_str_radix(&colour[1..], 16).unwrap().to_be_bytes();
    [red, green, blue]
}

fn difference(one: [u8; 3], other: [u8; 3]) -> u32 {
    one.into_iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}

fn distance_to_line(at: Position, start: Position, end: Position) -> f64 {
    let (along_x, along_y) = (end.x - start.x, end.y - start.y);
    let length = along_x.hypot(along_y);
    let part = ((at.x - start.x) * along_x + (at.y - start.y) * along_y) / (length * length);
    let part = part.clamp(0.0, 1.0);
    at.distance(Position::new(start.x + part * along_x, start.y + part * along_y))
}
