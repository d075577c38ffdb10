// GraphiQL as FaceQL serves it, in a browser that reaches nothing else: what its tabs promise, done in order.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { openBrowser } from './page.mjs';
import { root, startServer } from './server.mjs';

const photo = join(process.env.FACEQL_HOME ?? join(root, '.faceql'), 'photos/obama.jpg');
const picture = (name) => join(root, 'docs/pictures', name);
const key = 'a-key-of-16-or-more';

let server;
let browser;
let graphiql;

before(async () => {
  server = await startServer();
  browser = await openBrowser(server.url);
  graphiql = await browser.open();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test('the first tab tells what the server is', async () => {
  await graphiql.tab('Service');
  const { service } = await graphiql.data();
  assert.equal(service.ready, true);
  await graphiql.screenshot('1-service');
});

test('the subscription in one window delivers the photo that is uploaded in another', async () => {
  await graphiql.tab('CreateContainer');
  const { createContainer } = await graphiql.data();
  const container = createContainer.container.id;

  const watch = await browser.open();
  await watch.tab('WatchImages');
  await watch.change({ container });
  await watch.subscribe();

  await graphiql.tab('UploadImage');
  await graphiql.change({ container });
  await graphiql.run();
  const { errors } = await graphiql.response();
  assert.match(errors[0].message, /Select a file for \$photo/);
  await graphiql.choose('photo', photo);
  const { uploadImage } = await graphiql.data();
  assert.equal(uploadImage.image.contentType, 'image/jpeg');
  await graphiql.screenshot('2-upload');

  const { data } = await watch.response((text) => text.includes('COMPLETED'));
  assert.equal(data.imageStatusChanged.id, uploadImage.image.id);
  assert.equal(data.imageStatusChanged.encodings[0].dimensions, 128);
  await watch.screenshot('3-subscription');
  await watch.page.close();
});

test('an enrolled person is identified by the same choice of a file', async () => {
  await graphiql.tab('EnrollPerson');
  const { enrollPerson } = await graphiql.data();
  assert.equal(enrollPerson.person.faceCount, 1);
  await graphiql.tab('IdentifyPerson');
  const { identifyPerson } = await graphiql.data();
  assert.equal(identifyPerson.candidates[0].person.externalId, 'ada');
});

test('a guided enrollment is led through its operations', async () => {
  await graphiql.tab('StartEnrollment');
  const { startEnrollment } = await graphiql.data('StartEnrollment');
  await graphiql.change({ enrollment: startEnrollment.enrollment.id });
  await graphiql.choose('frame', photo);
  const { addEnrollmentFrame } = await graphiql.data('AddFrame');
  assert.equal(addEnrollmentFrame.frame.index, 0);
  await graphiql.screenshot('4-enrollment');
});

test('the feed in one window delivers the detection that is submitted in another', async () => {
  const feed = await browser.open();
  assert.equal(await feed.page.getByRole('tab').count(), 10, 'it shows the tabs as they were');
  await feed.tab('DetectionFeed');
  await feed.subscribe();

  await graphiql.tab('SubmitDetection');
  await graphiql.choose('picture', picture('people.faces.jpg'));
  const { submitDetection } = await graphiql.data('SubmitDetection');
  const { data } = await feed.response((text) => text.includes('COMPLETED'));
  assert.equal(data.detectionFeed.detection.id, submitDetection.detection.id);
  await feed.screenshot('5-detection-feed');
  await feed.page.close();
});

test('a contour is drawn from the chosen files, and its SVG can be read', async () => {
  await graphiql.tab('SubmitContour');
  await graphiql.choose('portrait', picture('portrait.png'));
  await graphiql.choose('map', picture('portrait.map.png'));
  const { submitContour } = await graphiql.data('SubmitContour');
  await graphiql.change({ contour: submitContour.contour.id });
  await graphiql.run('WatchContour');
  const { data } = await graphiql.response((text) => text.includes('COMPLETED'));
  assert.match(data.contourChanged.svg, /^<svg[^>]*>/);
  assert.ok(data.contourChanged.regions.length > 3);
  await graphiql.screenshot('6-contour');
});

test('the explorer shows the fields of the schema', async () => {
  await graphiql.tab('Service');
  await graphiql.page.getByRole('button', { name: 'Show GraphiQL Explorer' }).click();
  await graphiql.page.locator('.docExplorerWrap').getByText('containers', { exact: true }).waitFor();
  await graphiql.screenshot('7-explorer');
});

test('the browser met no other origin and no error, and the page could not have reached one', async () => {
  assert.deepEqual(browser.complaints, []);
  const elsewhere = () => fetch('https://elsewhere.example/').catch(() => 'refused');
  assert.equal(await graphiql.page.evaluate(elsewhere), 'refused');
  assert.match(browser.complaints.join(), /Content Security Policy/);
});

test('the key of the header editor goes with requests, files and sockets, and stays in the page', async () => {
  const guarded = await startServer({ FACEQL_API_KEY: `acme:${key}` });
  const other = await openBrowser(guarded.url);
  try {
    const page = await other.open();
    await page.tab('Service');
    await page.headers({ 'X-API-Key': key });
    assert.equal((await page.data()).service.ready, true);
    await page.screenshot('8-key');

    await page.tab('SubmitDetection');
    await page.choose('picture', photo);
    const { submitDetection } = await page.data('SubmitDetection');
    await page.change({ detection: submitDetection.detection.id });
    await page.run('WatchDetection');
    await page.response((text) => text.includes('COMPLETED'));
    const kept = await page.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
    // The schema was asked for before the key was there.
    assert.deepEqual(other.complaints.filter((complaint) => !complaint.includes('401')), []);
    assert.ok(kept.includes('WatchDetection') && !kept.includes(key), 'the tabs are kept, the key is not');
  } finally {
    await other.close();
    await guarded.stop();
  }
});
