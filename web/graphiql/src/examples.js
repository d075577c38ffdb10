// The tabs of the first visit: an operation or more for every domain, with a comment on what to do.

/** Stands for a file in the variables; whatever is there, the chosen file is sent instead. */
const chosen = 'chosen under Files';

const service = {
  headers: { 'X-API-Key': '' },
  query: `# What this server is, and how it is. Run
# it: the triangle, or Ctrl-Enter. If it
# asks for a key, put yours under Headers.
query Service {
  service {
    version
    ready
    components { name healthy detail }
    models {
      name
      role
      dimensions
      metric
      matchThreshold
      license
    }
    limits {
      imagesPerContainer
      maxUploadBytes
    }
  }
}
`,
};

const createContainer = {
  query: `# A container takes a few photos and tells
# whether they show one person. Run it, and
# copy the id: the next two tabs want it.
mutation CreateContainer($metadata: JSON) {
  createContainer(input: { metadata: $metadata }) {
    container { id imageLimit createdAt }
  }
}
`,
  variables: { metadata: { order: 7 } },
};

const uploadImage = {
  query: `# Put the container's id below, choose a
# photo under Files at the left, and run it.
# It answers at once: the face is encoded in
# the background.
mutation UploadImage(
  $container: ID!
  $photo: Upload!
) {
  uploadImage(
    input: {
      containerId: $container
      image: { upload: $photo }
    }
  ) {
    image { id status contentType }
  }
}
`,
  variables: { container: 'container_…', photo: chosen },
};

const watchImages = {
  query: `# Put the container's id below. The state of
# every image comes first, then each change;
# it ends once nothing is PROCESSING.
subscription WatchImages($container: ID!) {
  imageStatusChanged(
    containerId: $container
    untilSettled: true
  ) {
    id
    status
    revision
    encodings {
      dimensions
      face {
        confidence
        quality { overall issues }
      }
    }
    error { code message }
    container {
      comparison {
        samePerson
        pairs { similarity decision }
      }
    }
  }
}
`,
  variables: { container: 'container_…' },
};

const enrollPerson = {
  query: `# Choose a photo of one person under Files,
# and run it; run it again with further
# photos. One that will not do is rejected
# with a code that says why.
mutation EnrollPerson(
  $externalId: String!
  $name: String
  $grantedAt: DateTime!
  $photo: Upload!
) {
  enrollPerson(
    input: {
      externalId: $externalId
      displayName: $name
      consent: {
        grantedAt: $grantedAt
        reference: "form 7"
      }
      images: [{ upload: $photo }]
    }
  ) {
    person { id displayName faceCount }
    rejected { index code message issues }
  }
}
`,
  variables: { externalId: 'ada', name: 'Ada', grantedAt: '2026-01-31T12:00:00Z', photo: chosen },
};

const identifyPerson = {
  query: `# Who is it? Choose another photo under
# Files, and run it.
mutation IdentifyPerson(
  $photo: Upload!
  $gallery: String! = "default"
) {
  identifyPerson(
    input: {
      gallery: $gallery
      image: { upload: $photo }
    }
  ) {
    searchedFaces
    candidates {
      person { id externalId displayName }
      match { similarity distance decision }
    }
    face { confidence }
  }
}
`,
  variables: { photo: chosen },
};

const guidedEnrollment = {
  query: `# Guided enrollment. Run StartEnrollment and
# put its id below; run AddFrame once for
# each photo, chosen under Files; then
# CompleteEnrollment. The triangle asks
# which of them to run.
mutation StartEnrollment(
  $externalId: String!
  $grantedAt: DateTime!
) {
  startEnrollment(
    input: {
      externalId: $externalId
      consent: { grantedAt: $grantedAt }
      requiredFrames: 2
    }
  ) {
    enrollment { id status expiresAt }
  }
}

mutation AddFrame(
  $enrollment: ID!
  $frame: Upload!
) {
  addEnrollmentFrame(
    input: {
      enrollmentId: $enrollment
      image: { upload: $frame }
    }
  ) {
    frame { index accepted code message }
    enrollment { status frames { accepted } }
  }
}

mutation CompleteEnrollment($enrollment: ID!) {
  completeEnrollment(
    input: { enrollmentId: $enrollment }
  ) {
    enrollment { status }
    person { id externalId faceCount quality }
  }
}

# In a window of its own: every frame as it
# comes.
subscription WatchEnrollment(
  $enrollment: ID!
) {
  enrollmentChanged(id: $enrollment) {
    status
    frames { index accepted message }
  }
}
`,
  variables: {
    externalId: 'grace',
    grantedAt: '2026-01-31T12:00:00Z',
    enrollment: 'enrollment_…',
    frame: chosen,
  },
};

const submitDetection = {
  query: `# Finds the faces of a picture in the
# background. Choose the picture under
# Files, run SubmitDetection, put the id
# below, and run WatchDetection.
mutation SubmitDetection($picture: Upload!) {
  submitDetection(
    input: {
      image: { upload: $picture }
      maxFaces: 20
    }
  ) {
    detection { id status createdAt }
  }
}

subscription WatchDetection($detection: ID!) {
  detectionChanged(id: $detection) {
    status
    width
    height
    faces {
      confidence
      box { x y width height }
      quality { overall issues }
    }
    processedImageUrl
    error { code message }
  }
}
`,
  variables: { picture: chosen, detection: 'detection_…' },
};

const detectionFeed = {
  query: `# Every detection as it finishes. Run this
# in a browser window of its own, and submit
# pictures in another one. With the cursor
# of an earlier item as \`after\`, it begins
# with all that finished since.
subscription DetectionFeed($after: String) {
  detectionFeed(after: $after) {
    cursor
    detection {
      id
      status
      completedAt
      faces { confidence }
    }
  }
}
`,
  variables: { after: null },
};

const submitContour = {
  query: `# Draws the regions of a segmentation map.
# Choose a portrait and its map under Files,
# put the landmarks below, run
# SubmitContour, put the id below, and run
# WatchContour. These landmarks are those of
# FaceQL's docs/pictures/portrait.png; its
# map lies beside it.
mutation SubmitContour(
  $portrait: Upload!
  $map: Upload!
  $landmarks: [PointInput!]!
) {
  submitContour(
    input: {
      image: { upload: $portrait }
      segmentationMap: { upload: $map }
      landmarks: $landmarks
    }
  ) {
    cached
    contour { id status }
  }
}

subscription WatchContour($contour: ID!) {
  contourChanged(id: $contour) {
    status
    width
    height
    rotationDegrees
    regions { label color area }
    svgUrl
    svg
    error { code message }
  }
}
`,
  variables: {
    contour: 'contour_…',
    portrait: chosen,
    map: chosen,
    landmarks: [
      { x: 195.1, y: 224.9 },
      { x: 285.0, y: 239.2 },
      { x: 231.0, y: 289.2 },
      { x: 184.0, y: 326.5 },
      { x: 264.2, y: 339.2 },
    ],
  },
};

const tabs = [
  service,
  createContainer,
  uploadImage,
  watchImages,
  enrollPerson,
  identifyPerson,
  guidedEnrollment,
  submitDetection,
  detectionFeed,
  submitContour,
];

/** As GraphiQL's `defaultTabs` takes them. */
export const examples = tabs.map(({ query, variables, headers }) => ({
  query,
  variables: variables && JSON.stringify(variables, null, 2),
  headers: headers && JSON.stringify(headers, null, 2),
}));
