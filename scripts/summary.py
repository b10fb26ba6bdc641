#!/usr/bin/env python3
"""summary.py NAME STATUS SECONDS LOG [TRX]...: report one run of `dotnet test`.

Prints the tests that failed, with their output, and those that were skipped, with the
reason; then a line of counts for NAME. Appends "PASSED FAILED SKIPPED" to the file that
the variable COUNTS names. A run that ended badly without a failed test (the test host
crashed or hung, nothing was found) counts as one failure, and the end of LOG is shown.
"""
import os
import sys
import xml.etree.ElementTree as ElementTree

NAMESPACE = {'t': 'http://microsoft.com/schemas/VisualStudio/TeamTest/2010'}
OUTPUT_LINES = 60


def text(result, path):
    element = result.find('t:Output/' + path, NAMESPACE)
    return (element.text or '').strip() if element is not None else ''


def indented(lines):
    if len(lines) > OUTPUT_LINES:
        lines = lines[:OUTPUT_LINES // 2] + ['...'] + lines[-OUTPUT_LINES // 2:]
    return '\n'.join('      ' + line for line in lines)


def main():
    name, status, seconds, log, *files = sys.argv[1:]
    passed = failed = skipped = 0
    for file in files:
        try:
            results = ElementTree.parse(file).findall('t:Results/t:UnitTestResult', NAMESPACE)
        except (OSError, ElementTree.ParseError) as error:
            print(f'  {file}: {error}')
            continue
        for result in results:
            test, outcome = result.get('testName'), result.get('outcome')
            if outcome == 'Passed':
                passed += 1
            elif outcome == 'NotExecuted':
                skipped += 1
                reason = text(result, 't:ErrorInfo/t:Message') or text(result, 't:StdOut') or 'explicit, scripts/test.sh --long runs it'
                print(f'  SKIPPED {test}: {reason}')
            else:
                failed += 1
                print(f'  FAILED  {test} ({outcome}, {result.get("duration")})')
                parts = (text(result, 't:ErrorInfo/t:Message'), text(result, 't:ErrorInfo/t:StackTrace'),
                         text(result, 't:StdOut'), text(result, 't:StdErr'))
                print(indented('\n'.join(part for part in parts if part).splitlines()))
    if status != '0' and not failed:
        failed += 1
        print(f'  FAILED  {name} ended with status {status} and no failed test; the end of its output:')
        with open(log, encoding='utf-8', errors='replace') as lines:
            print(indented(lines.read().splitlines()[-OUTPUT_LINES:]))
    print(f'{name}: {passed} passed, {failed} failed, {skipped} skipped ({seconds} s)', flush=True)
    with open(os.environ['COUNTS'], 'a', encoding='utf-8') as counts:
        counts.write(f'{passed} {failed} {skipped}\n')


main()
