import { Menu } from '@base-ui/react/menu';
import { useState } from 'react';
import { ThemeButton } from './theme-button.tsx';
import { chooseTheme, currentTheme, themeNames, type Theme } from './theme.ts';

export function ThemeMenu({ isOpen }: { isOpen: boolean }) {
  const [theme, setTheme] = useState(currentTheme);
  return (
    <Menu.Root defaultOpen={isOpen} onOpenChange={() => setTheme(currentTheme())}>
      <Menu.Trigger render={<ThemeButton />} />
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
