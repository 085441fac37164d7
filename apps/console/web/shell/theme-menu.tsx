import { Menu } from '@base-ui/react/menu';
import { useState } from 'react';
import { chooseTheme, currentTheme, themeNames, type Theme } from './theme.ts';

export function ThemeMenu() {
  const [theme, setTheme] = useState(currentTheme);
  return (
    <Menu.Root onOpenChange={() => setTheme(currentTheme())}>
      <Menu.Trigger className="quiet" aria-label="Colours of this page" title="Colours">
        <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
          <path d="M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12" />
        </svg>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Positioner sideOffset={4} className="floating">
          <Menu.Popup className="menu">
            <Menu.RadioGroup
              value={theme}
              onValueChange={(value: Theme) => {
                setTheme(value);
                chooseTheme(value);
              }}
            >
              {(Object.keys(themeNames) as Theme[]).map((one) => (
                <Menu.RadioItem key={one} value={one} className="menu-item" closeOnClick>
                  {themeNames[one]}
                  <Menu.RadioItemIndicator>✓</Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
