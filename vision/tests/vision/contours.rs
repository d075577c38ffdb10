//! Outlines of shapes with known borders, as data and as a browser renders them.

use std::collections::HashSet;

use vision::contour::{
    ALGORITHM_VERSION, ContourRequest, Contours, DEFAULT_LEAST_AREA, Position, SegmentationMap, Style, draw,
};

use crate::mazes::{comb, jagged_comb, noise, specks, spiral};
use crate::memory::peak_of;
use crate::shapes::{Shape, given, likenesses, map, map_of, render};

/// Only the areas, in their full colours, to the pixel.
const PLAIN: Style = Style { fill_opacity: 1.0, stroke_width: 0.0, is_dashed: false, smoothing: 0.0 };
const LEVEL_EYES: [Position; 2] = [at(20.0, 30.0), at(40.0, 30.0)];

#[test]
fn outlines_lie_on_the_true_borders_at_every_rotation() {
    for shapes in scenes() {
        let map = map_of(240, 200, &shapes);
        for degrees in [0.0, 7.0, -33.0, 45.0, 80.0] {
            let contours = drawn(&map, &eyes_tilted_by(degrees), PLAIN);
            assert_eq!(contours.regions.len(), shapes.len());
            for (region, shape) in contours.regions.iter().zip(&shapes) {
                for &point in region.polygons.iter().flatten() {
                    let off = shape.distance_to_border(given(&contours, point));
                    assert!(off <= 1.0, "{point:?} at {degrees} degrees is off by {off}");
                }
            }
        }
    }
}

#[test]
fn rendered_regions_cover_the_true_shapes() {
    for (scene, shapes) in scenes().into_iter().enumerate() {
        let map = map_of(240, 200, &shapes);
        for (degrees, smoothing) in [(0.0, 0.0), (12.0, 0.0), (-45.0, 0.0), (0.0, 1.0), (12.0, 1.0)] {
            let contours = drawn(&map, &eyes_tilted_by(degrees), Style { smoothing, ..PLAIN });
            for (index, likeness) in likenesses(&contours, &shapes).into_iter().enumerate() {
                assert!(likeness >= 0.98, "scene {scene}, region {index}, {degrees} degrees: {likeness}");
            }
        }
    }
}

#[test]
fn neighbours_share_every_point_of_their_border() {
    let is_left = |x: u32, y: u32| f64::from(x) < 60.0 + 20.0 * (f64::from(y) / 9.0).sin();
    let wave = map(120, 100, |x, y| if is_left(x, y) { 1 } else { 2 });
    for smoothing in [0.0, 1.0, 4.0] {
        let contours = drawn(&wave, &[at(20.0, 30.0), at(40.0, 37.0)], Style { smoothing, ..PLAIN });
        let [left, right] = [0, 1].map(|region| {
            let mut points = contours.regions[region].polygons.concat();
            points.retain(|&point| {
                Shape::Rectangle { from: at(20.0, 2.0), to: at(100.0, 98.0) }
                    .contains(given(&contours, point))
            });
            points.sort_by(|one, other| one.y.total_cmp(&other.y).then(one.x.total_cmp(&other.x)));
            points
        });
        assert!(left.len() > 10, "{left:?}");
        assert_eq!(left, right);
    }
}

#[test]
fn three_regions_meet_in_one_point() {
    for smoothing in [0.0, 1.0] {
        let contours =
            drawn(&map_of(240, 200, &three_slices()), &eyes_tilted_by(20.0), Style { smoothing, ..PLAIN });
        let [first, second, third] = [0, 1, 2].map(|region| contours.regions[region].polygons.concat());
        let common: Vec<_> =
            first.iter().filter(|point| second.contains(point) && third.contains(point)).collect();
        assert_eq!(common.len(), 1, "{common:?}");
        assert!(given(&contours, *common[0]).distance(at(120.0, 100.0)) < 1.5);
    }
}

#[test]
fn ring_keeps_its_hole() {
    let ring = Shape::Ring { centre: at(120.0, 100.0), inner: 30.0, outer: 70.0 };
    let contours = drawn(&map_of(240, 200, &[ring]), &LEVEL_EYES, PLAIN);
    assert_eq!(contours.regions[0].polygons.len(), 2);
    assert_eq!(render(&contours).pixel(120, 100).unwrap().alpha(), 0);
    let expected = std::f64::consts::PI * (70.0 * 70.0 - 30.0 * 30.0);
    assert!((contours.regions[0].area / expected - 1.0).abs() < 0.01);
}

#[test]
fn level_face_is_not_rotated() {
    let rectangle = Shape::Rectangle { from: at(10.0, 20.0), to: at(50.0, 90.0) };
    let contours = drawn(&map_of(100, 120, &[rectangle]), &LEVEL_EYES, PLAIN);
    assert_eq!((contours.width, contours.height, contours.rotation_degrees), (100, 120, 0.0));
    assert_eq!(contours.transform.map(|number| number.to_string()), ["1", "0", "0", "1", "0", "0"]);
    let corners: HashSet<_> =
        contours.regions[0].polygons[0].iter().map(|at| (at.x as i32, at.y as i32)).collect();
    assert_eq!(corners, HashSet::from([(10, 20), (50, 20), (50, 90), (10, 90)]));
    assert_eq!(area(&contours, 0), 2800);
}

#[test]
fn eyes_become_level_and_nothing_is_cut_off() {
    let whole = map(200, 100, |_, _| 1);
    for degrees in [-60.0, -10.0, 3.0, 44.0, 88.0] {
        let eyes = eyes_tilted_by(degrees).map(|eye| at(eye.x / 2.4, eye.y / 2.4));
        for order in [eyes, [eyes[1], eyes[0]]] {
            let contours = drawn(&whole, &order, PLAIN);
            let [first, second] = order.map(|eye| levelled(&contours, eye));
            assert!((first.y - second.y).abs() < 1e-9);
            assert!((contours.rotation_degrees + degrees).abs() < 1e-9, "{}", contours.rotation_degrees);
            for corner in [at(0.0, 0.0), at(200.0, 0.0), at(0.0, 100.0), at(200.0, 100.0)] {
                let corner = levelled(&contours, corner);
                assert!((-0.01..=f64::from(contours.width) + 0.01).contains(&corner.x));
                assert!((-0.01..=f64::from(contours.height) + 0.01).contains(&corner.y));
            }
        }
    }
    let upright = drawn(&whole, &[at(100.0, 20.0), at(100.0, 80.0)], PLAIN);
    assert_eq!((upright.width, upright.height), (100, 200));
}

#[test]
fn five_and_68_landmarks_are_fitted_even_upside_down() {
    let map = map(400, 400, |_, _| 1);
    for degrees in [0.0, 15.0, -70.0, 170.0] {
        for face in [five(), sixty_eight()] {
            let landmarks: Vec<_> = face.iter().map(|&point| turned(point, degrees, 60.0)).collect();
            let contours = drawn(&map, &landmarks, PLAIN);
            assert!((contours.rotation_degrees + degrees).abs() < 0.5, "{}", contours.rotation_degrees);
        }
    }
    // A misplaced eye rotates the fit by less than it rotates the line through the eyes.
    let mut landmarks: Vec<_> = five().into_iter().map(|point| turned(point, 0.0, 60.0)).collect();
    landmarks[0].y += 10.0;
    let fitted = drawn(&map, &landmarks, PLAIN).rotation_degrees.abs();
    let by_eyes = drawn(&map, &landmarks[..2], PLAIN).rotation_degrees.abs();
    assert!(fitted > 0.5 && fitted < by_eyes / 2.0, "{fitted} and {by_eyes}");
}

#[test]
fn region_may_be_a_single_pixel_or_touch_all_edges() {
    let everything = drawn(&map(60, 50, |_, _| 7), &LEVEL_EYES, PLAIN);
    assert_eq!(whole_corners(&everything), HashSet::from([(0, 0), (60, 0), (60, 50), (0, 50)]));
    assert_eq!((everything.regions[0].label, area(&everything, 0)), (7, 3000));

    let pixel = map(60, 50, |x, y| u32::from((x, y) == (30, 20)));
    for smoothing in [0.0, 1.0, 10.0] {
        let contours = drawn_with(&pixel, &LEVEL_EYES, Style { smoothing, ..PLAIN }, 1);
        assert_eq!(whole_corners(&contours), HashSet::from([(30, 20), (31, 20), (31, 21), (30, 21)]));
        assert_eq!(area(&contours, 0), 1);
        assert_eq!(render(&contours).pixel(30, 20).unwrap().alpha(), 255);
    }
}

#[test]
fn ten_thousand_specks_are_counted_and_leave_no_holes() {
    let on_region = specks(1000);
    let is_speck = |x: u32, y: u32| x % 10 < 3 && y % 10 < 5;
    let on_nothing = map(1000, 1000, |x, y| if is_speck(x, y) { 2 } else { u32::from(x == 999) });
    let contours = drawn(&on_region, &LEVEL_EYES, PLAIN);
    assert_eq!((contours.dropped_specks, contours.regions.len()), (10_000, 1));
    assert_eq!(whole_corners(&contours).len(), 4);
    assert_eq!(area(&contours, 0), 1_000_000);

    let contours = drawn(&on_nothing, &LEVEL_EYES, PLAIN);
    assert_eq!((contours.dropped_specks, contours.regions.len(), contours.regions[0].label), (10_000, 1, 1));

    let kept = drawn_with(&on_region, &LEVEL_EYES, PLAIN, 15);
    assert_eq!((kept.dropped_specks, area(&kept, 1)), (0, 150_000));
}

#[test]
fn map_with_only_specks_has_no_regions() {
    let contours = drawn(&map(50, 50, |x, y| u32::from(x % 7 == 0 && y % 7 == 0)), &LEVEL_EYES, PLAIN);
    assert_eq!((contours.dropped_specks, contours.regions.len()), (64, 0));
    assert_eq!(render(&contours).pixels().iter().filter(|pixel| pixel.alpha() > 0).count(), 0);
}

#[test]
fn speck_between_two_regions_is_added_to_the_one_with_the_longer_border() {
    let label = |x: u32, y: u32| match (x, y) {
        (48..=50, 20..=22) => 3,
        (..50, _) => 1,
        _ => 2,
    };
    let contours = drawn(&map(100, 50, label), &LEVEL_EYES, PLAIN);
    assert_eq!(contours.dropped_specks, 1);
    assert_eq!([area(&contours, 0), area(&contours, 1)], [2503, 2497]);
}

#[test]
fn line_one_pixel_wide_keeps_its_width() {
    for smoothing in [0.0, 1.0] {
        let line = map(60, 100, |x, y| u32::from(x == 30 && (10..90).contains(&y)));
        let contours = drawn(&line, &LEVEL_EYES, Style { smoothing, ..PLAIN });
        let column = (20..80).map(|y| render(&contours).pixel(30, y).unwrap().alpha());
        assert!(column.into_iter().all(|alpha| alpha > 240));
    }
}

#[test]
fn thin_slanting_line_is_drawn() {
    let line = map(60, 60, |x, y| u32::from(x == y && (10..40).contains(&x)));
    let contours = drawn(&line, &LEVEL_EYES, PLAIN);
    assert_eq!((contours.dropped_specks, area(&contours, 0)), (0, 30));
    assert_eq!(render(&contours).pixel(25, 25).unwrap().alpha(), 255);
}

#[test]
fn noisiest_map_fits_into_a_drawing() {
    let mut random = 7_u32;
    let mut random_byte = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 24
    };
    let labels: Vec<u32> =
        (0..1_000_000).map(|pixel| 1 + (pixel % 1000 + random_byte() % 60) / 100).collect();
    let on_borders = SegmentationMap::from_labels(1000, 1000, &labels).unwrap();
    let everywhere = noise(1000);
    // One border with a million turns, and one with a third of them.
    let [fine_comb, comb] = [4, 12].map(|step| jagged_comb(1000, step));
    let maps =
        [(&everywhere, 1), (&everywhere, DEFAULT_LEAST_AREA), (&on_borders, 1), (&fine_comb, 1), (&comb, 1)];
    for (map, least_area) in maps {
        let contours = drawn_with(map, &LEVEL_EYES, Style::default(), least_area);
        assert!(contours.svg.len() < 300_000, "{} bytes", contours.svg.len());
        assert!(!contours.regions.is_empty());
    }
}

#[test]
fn longest_borders_are_drawn_in_little_memory() {
    let maps = [
        // A border of nine million sides, with few turns and with as many as possible.
        ("spiral", spiral(3000)),
        ("comb", comb(3000)),
        ("jagged comb", jagged_comb(3000, 4)),
        // The longest border within the limit, one with the maximum number of turns, and the most arcs.
        ("smaller spiral", spiral(1400)),
        ("smaller jagged comb", jagged_comb(1000, 24)),
        ("noise", noise(1000)),
    ];
    for (name, map) in maps {
        let pixels = map.width() as usize * map.height() as usize;
        for smoothing in [0.0, 1.0, 10.0] {
            let style = Style { smoothing, ..Style::default() };
            let mut bytes = 0;
            let peak = peak_of(|| bytes = drawn_with(&map, &LEVEL_EYES, style, 1).svg.len());
            assert!((100..300_000).contains(&bytes), "{name} smoothed by {smoothing}: {bytes} bytes");
            // Besides the map itself, which takes one.
            assert!(peak < 11 * pixels, "{name} smoothed by {smoothing}: {peak} bytes for {pixels} pixels");
        }
    }
}

#[test]
fn smoothing_keeps_the_corners_of_the_image() {
    let whole = map(240, 200, |_, _| 1);
    let lower = map(240, 200, |_, y| u32::from(y >= 100));
    for (map, fills_all) in [(&whole, true), (&lower, false)] {
        for smoothing in [1.0, 10.0] {
            let contours = drawn(map, &LEVEL_EYES, Style { smoothing, ..PLAIN });
            let corners = whole_corners(&contours);
            for (corner, is_kept) in
                [((0, 200), true), ((240, 200), true), ((0, 0), fills_all), ((240, 0), fills_all)]
            {
                assert_eq!(corners.contains(&corner), is_kept, "{corner:?} in {corners:?}");
            }
        }
    }
}

#[test]
fn smoothing_rounds_corners_and_removes_steps() {
    let rectangle = map_of(240, 200, &[Shape::Rectangle { from: at(40.0, 40.0), to: at(200.0, 160.0) }]);
    let corner = at(40.0, 40.0);
    let nearest = |smoothing| {
        let contours = drawn(&rectangle, &LEVEL_EYES, Style { smoothing, ..PLAIN });
        let distances = contours.regions[0].polygons[0].iter().map(|point| point.distance(corner));
        distances.fold(f64::INFINITY, f64::min)
    };
    let distances = [0.0, 1.0, 3.0].map(nearest);
    assert!(distances[0] < 0.01 && distances[1] > 1.0 && distances[2] > 2.0 * distances[1], "{distances:?}");
}

#[test]
fn same_request_gives_the_same_drawing() {
    let map = map_of(240, 200, &three_slices());
    let [one, other] = [0, 1].map(|_| drawn(&map, &eyes_tilted_by(20.0), Style::default()));
    assert_eq!(one, other);
    assert_eq!(ALGORITHM_VERSION, 2);
}

fn drawn(map: &SegmentationMap, landmarks: &[Position], style: Style) -> Contours {
    drawn_with(map, landmarks, style, DEFAULT_LEAST_AREA)
}

fn drawn_with(map: &SegmentationMap, landmarks: &[Position], style: Style, least_area: u32) -> Contours {
    let request = ContourRequest { width: map.width(), height: map.height(), landmarks, style, least_area };
    draw(&request, map, None).unwrap()
}

/// The area of a region, which must be a whole number of pixels.
fn area(contours: &Contours, region: usize) -> u32 {
    contours.regions[region].area as u32
}

/// The points of the only outline of the first region, which must be whole pixels.
fn whole_corners(contours: &Contours) -> HashSet<(i32, i32)> {
    let [outline] = &contours.regions[0].polygons[..] else { panic!("{:?}", contours.regions[0]) };
    outline.iter().map(|point| (point.x as i32, point.y as i32)).collect()
}

fn levelled(contours: &Contours, point: Position) -> Position {
    let of = contours.transform;
    at(of[0] * point.x + of[2] * point.y + of[4], of[1] * point.x + of[3] * point.y + of[5])
}

/// Shapes that share borders without overlapping, in 240 x 200 pixels.
fn scenes() -> Vec<Vec<Shape>> {
    vec![
        vec![
            Shape::Disc { centre: at(60.3, 70.8), radius: 45.0 },
            Shape::Rectangle { from: at(130.0, 40.0), to: at(220.0, 180.0) },
        ],
        vec![
            Shape::Ring { centre: at(120.0, 100.0), inner: 40.0, outer: 90.0 },
            Shape::Disc { centre: at(120.0, 100.0), radius: 40.0 },
        ],
        vec![
            Shape::Rectangle { from: at(20.0, 20.0), to: at(120.0, 180.0) },
            Shape::Rectangle { from: at(120.0, 20.0), to: at(220.0, 180.0) },
        ],
        three_slices().to_vec(),
    ]
}

fn three_slices() -> [Shape; 3] {
    let slice = |degrees| Shape::Slice { centre: at(120.0, 100.0), radius: 85.0, degrees };
    [slice([0.0, 115.0]), slice([115.0, 250.0]), slice([250.0, 360.0])]
}

/// Two eyes in 240 x 200 pixels on a line that falls to the right by that many degrees.
fn eyes_tilted_by(degrees: f64) -> [Position; 2] {
    let (sine, cosine) = f64::sin_cos(degrees.to_radians());
    [at(120.0 - 40.0 * cosine, 100.0 - 40.0 * sine), at(120.0 + 40.0 * cosine, 100.0 + 40.0 * sine)]
}

/// Eyes, nose and mouth corners; the eyes are 1 apart.
fn five() -> Vec<Position> {
    vec![at(-0.5, 0.0), at(0.5, 0.0), at(0.0, 0.65), at(-0.38, 1.1), at(0.38, 1.1)]
}

/// A face of ellipses and lines in iBUG's order; the eyes are 1 apart.
fn sixty_eight() -> Vec<Position> {
    let ellipse = |count: u32, x: f64, y: f64, width: f64, height: f64| {
        (0..count).map(move |step| {
            let (sine, cosine) =
                (std::f64::consts::PI * (1.0 + 2.0 * f64::from(step) / f64::from(count))).sin_cos();
            at(x + width * cosine, y + height * sine)
        })
    };
    let line = |count: u32, from: Position, to: Position| {
        (0..count).map(move |step| {
            let part = f64::from(step) / f64::from(count - 1);
            at(from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part)
        })
    };
    let jaw = ellipse(32, 0.0, 0.1, 1.2, -1.6).take(17);
    let brows = line(5, at(-0.9, -0.4), at(-0.2, -0.4)).chain(line(5, at(0.2, -0.4), at(0.9, -0.4)));
    let nose = line(4, at(0.0, 0.0), at(0.0, 0.5)).chain(line(5, at(-0.2, 0.6), at(0.2, 0.6)));
    let eyes = ellipse(6, -0.5, 0.0, 0.2, 0.1).chain(ellipse(6, 0.5, 0.0, 0.2, 0.1));
    let mouth = ellipse(12, 0.0, 1.1, 0.4, 0.15).chain(ellipse(8, 0.0, 1.1, 0.3, 0.05));
    jaw.chain(brows).chain(nose).chain(eyes).chain(mouth).collect()
}

/// A point of a face with eyes `scale` apart, in the middle of 400 x 400 pixels, rotated clockwise.
fn turned(point: Position, degrees: f64, scale: f64) -> Position {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    at(
        200.0 + scale * (cosine * point.x - sine * point.y),
        200.0 + scale * (sine * point.x + cosine * point.y),
    )
}

const fn at(x: f64, y: f64) -> Position {
    Position::new(x, y)
}
