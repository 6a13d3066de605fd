import { expect, test } from "vitest";
import { compareRoutes, compileRoute, splitPath } from "../../../local/functions-host/routes.ts";

const match = (template: string, path: string) => compileRoute(template).match(splitPath(path));

test.each([
  ["a/{x}", "/a/1", { x: "1" }],
  ["a/{x}", "/A/1/", { x: "1" }],
  ["a/{x}", "/a", undefined],
  ["a/{x}", "/a//", undefined],
  ["a/{x?}", "/a", {}],
  ["a/{x?}", "/a/b", { x: "b" }],
  ["a/{*rest}", "/a", { rest: "" }],
  ["a/{*rest}", "/a/b/c", { rest: "b/c" }],
  ["a/{x:int}", "/a/-12", { x: "-12" }],
  ["a/{x:int}", "/a/12a", undefined],
  ["a/{x:int}", "/a/99999999999", undefined],
  ["a/{x:bool}", "/a/TRUE", { x: "TRUE" }],
  ["a/{x:guid}", "/a/3f2504e0-4f89-11d3-9a0c-0305e82c3301", { x: "3f2504e0-4f89-11d3-9a0c-0305e82c3301" }],
  ["a/{x:guid}", "/a/3f2504e0", undefined],
  ["a/{x:alpha:length(2,3)}", "/a/abc", { x: "abc" }],
  ["a/{x:alpha:length(2,3)}", "/a/abcd", undefined],
  ["a/{x:minlength(2)?}", "/a", {}],
  ["a/{x:maxlength(2)}", "/a/abc", undefined],
  ["", "/", {}],
  ["a b", "/a%20b", {}],
])("route %j and path %s", (template, path, expected) => {
  expect(match(template, path)).toEqual(expected);
});

test("an escape is decoded once", () => {
  expect(match("{x}", "/%2525")).toEqual({ x: "%25" });
});

test.each(["{x}-{y}", "v{x}", "{x=1}", "{x:range(1,2)}", "{*rest}/b", "{", "{x:int"])(
  "the template %s is refused by name",
  (template) => {
    expect(() => compileRoute(template)).toThrow(`"${template}"`);
  },
);

test("the more literal route goes first, from the left", () => {
  const templates = ["{*all}", "a/{*rest}", "{x}/b", "a/{x}", "a/{x:int}", "a/b"];
  const sorted = templates.toSorted((a, b) => compareRoutes(compileRoute(a), compileRoute(b)));
  expect(sorted).toEqual(["a/b", "a/{x:int}", "a/{x}", "a/{*rest}", "{x}/b", "{*all}"]);
});
